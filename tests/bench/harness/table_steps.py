"""Steps with one table alone, the largest: does it use all connections?"""

import sqlite3

from .results import Step, total

TABLE = "event_json"


class TableSteps:
    """The same rows by COPY and by valise-replay, with one connection and with all; loads are the place's ServerSteps."""

    def __init__(self, place, server, loads):
        self.place = place
        self.server = server
        self.loads = loads
        self.template = server.template_of_table(TABLE)
        self.database = place.file("table.db")
        self.copies = place.file("table-copy")
        self.dump = place.file("table.valise")
        self.row_count = 0

    def steps(self):
        steps = []
        for jobs in sorted({1, self.place.jobs}):
            limits = (f"table load j{jobs}", f"table index j{jobs}")
            steps += [
                Step(limits[0], f"raw COPY BINARY of the largest table, {jobs} connection(s)", lambda n=jobs: self.load(n),
                     "limit"),
                Step(limits[1], "its index", lambda n=jobs: self.index(n), "limit", needs=limits[:1]),
                Step(f"table replay j{jobs}", "valise-replay --verify=none of it", lambda n=jobs: self.replay(n),
                     limit=total(*limits), parts=limits),
            ]
        return steps

    def prepare(self):
        """A database, a dump and COPY data with the one table, from those that the place has."""
        self.copies.mkdir(exist_ok=True)
        lines = (self.place.copies / "list").read_text(encoding="utf-8").splitlines(keepends=True)
        (self.copies / "list").write_text("".join(f"../{self.place.copies.name}/{line}" for line in lines
                                                  if line.split("\t")[1] == TABLE), encoding="utf-8")
        if not self.database.exists():
            half = self.database.with_suffix(".half")
            half.unlink(missing_ok=True)
            copy_table(self.place.database, half)
            half.rename(self.database)
        with sqlite3.connect(self.database) as database:
            self.row_count = database.execute(f"SELECT count(*) FROM {TABLE}").fetchone()[0]
        self.place.writing(self.dump, [self.place.program("dump/valise-dump"), "-o", str(self.dump), str(self.database)])

    def counted(self, sample):
        sample.rows = self.row_count
        return sample

    def load(self, jobs):
        if not self.row_count:
            self.prepare()
        self.server.new_database("bench_tables")
        return self.counted(self.loads.loading([self.place.program("tests/bench/limit_load"), str(jobs), str(self.copies)]))

    def index(self, jobs):
        return self.loads.loading([self.place.program("tests/bench/limit_index"), str(jobs)],
                                  stdin=self.server.index_plan(TABLE))

    def replay(self, jobs):
        if not self.row_count:
            self.prepare()
        self.server.new_database(self.template)
        return self.counted(self.loads.replaying("--jobs", jobs, "--verify=none", self.dump))


def copy_table(source, target):
    database = sqlite3.connect(target)
    database.execute("ATTACH ? AS source", (str(source),))
    database.execute(database.execute("SELECT sql FROM source.sqlite_schema WHERE name = ?", (TABLE,)).fetchone()[0])
    database.execute(f"INSERT INTO main.{TABLE} SELECT * FROM source.{TABLE} ORDER BY rowid")
    database.commit()
    database.close()
