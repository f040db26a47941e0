"""What is measured. A step is a name and a function that returns a Sample; a round runs every step once."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from .measure import run
from .server import sql

LEVELS = (1, 3)
CHANGES = ("--updates", "0.1%", "--inserts", "0.5%", "--deletes", "0.05%")


@dataclass
class Step:
    name: str
    about: str
    function: object
    is_limit: bool = False


class Bench:
    """One benchmark run: where things are, and the steps that can be run with what is built."""

    def __init__(self, build, folder, jobs, server=None):
        self.build = Path(build)
        self.folder = Path(folder)
        self.jobs = jobs
        self.server = server
        self.database = self.folder / "bench.db"
        self.changed = self.folder / "changed.db"
        self.delta_file = self.folder / "delta.valise"
        self.copies = self.folder / "copy"

    def program(self, path):
        return str(self.build / path)

    def has(self, path):
        return (self.build / path).exists()

    def dump_of(self, level):
        return self.folder / f"level{level}.valise"

    def prepare(self, size, seed):
        """Makes the database, a changed version, and ready COPY data, unless they are there."""
        if not self.database.exists():
            made = run([self.program("tests/bench/generate"), "--size", size, "--seed", str(seed), str(self.database)])
            print(f"generated {self.database.stat().st_size / 1e6:.0f} MB in {made.seconds:.1f} s", flush=True)
        if not self.changed.exists():
            run([self.program("tests/bench/generate"), "--mutate", str(self.database), *CHANGES, str(self.changed)])
        if self.server is not None and not (self.copies / "list").exists():
            self.copies.mkdir(exist_ok=True)
            run([self.program("tests/bench/copy_files"), str(self.database), str(self.copies)])
        self.warm()

    def warm(self):
        """Everything measured begins with its input in the page cache."""
        for path in [self.database, self.changed, *self.copies.glob("*")]:
            with open(path, "rb", buffering=0) as file:
                while file.read(1 << 24):
                    pass

    # --- reading and dumping -----------------------------------------------------------------

    def scan(self, way):
        return run([self.program("tests/bench/limit_scan"), way, str(self.database)])

    def dump(self, level):
        return self.writing(self.dump_of(level), "dump/valise-dump", "--level", str(level), str(self.database))

    def writing(self, path, program, *arguments):
        """Runs one of our programs that writes the file path."""
        path.unlink(missing_ok=True)
        sample = run([self.program(program), *arguments, "-o", str(path)])
        sample.file_bytes = path.stat().st_size
        return sample

    def delta(self):
        return self.writing(self.delta_file, "dump/valise-dump", "--base", str(self.dump_of(3)), str(self.changed))

    def squash(self):
        return self.writing(self.folder / "squashed.valise", "tools/valise", "squash", str(self.dump_of(3)),
                            str(self.delta_file))

    def restore(self):
        return self.writing(self.folder / "restored.db", "tools/valise", "restore", str(self.dump_of(3)))

    def limit_restore(self):
        path = self.folder / "limit.db"
        sample = run([self.program("tests/bench/limit_restore"), str(self.database), str(path)])
        sample.file_bytes = path.stat().st_size
        path.unlink()
        return sample

    def sqldiff(self):
        return run(f"sqldiff '{self.database}' '{self.changed}' >'{self.folder}/peer.diff'")

    def compress(self, level):
        """zstd of the blocks that the dump of this round holds; the time is CPU time of one core."""
        sample = run([self.program("tests/bench/limit_compress"), str(level), str(self.dump_of(level))])
        sample.seconds = sample.cpu_seconds = sample.facts["cpu_seconds"]
        sample.file_bytes = sample.facts["packed_bytes"]
        return sample

    def verify(self):
        return run([self.program("tools/valise"), "verify", str(self.dump_of(3))])

    def sqlite_dump(self):
        path = self.folder / "peer.sql.zst"
        sample = run(f"sqlite3 '{self.database}' .dump | zstd -q -3 -T0 -f -o '{path}'")
        sample.file_bytes = path.stat().st_size
        path.unlink()
        return sample

    def dump_steps(self, peers):
        steps = [
            Step("scan columns", "every value by sqlite3_column_*", lambda: self.scan("columns"), True),
            Step("scan sink", "every row by an aggregate function", lambda: self.scan("sink"), True),
        ]
        if self.has("dump/valise-dump"):
            for level in LEVELS:
                steps.append(Step(f"dump L{level}", f"valise-dump --level {level}", lambda n=level: self.dump(n)))
                steps.append(Step(f"zstd L{level}", "the same blocks, CPU of one core",
                                  lambda n=level: self.compress(n), True))
            steps.append(Step("delta", "valise-dump --base of a changed version", self.delta))
            if self.has("tools/valise"):
                steps += [Step("verify file", "valise verify", self.verify),
                          Step("squash", "valise squash FULL DELTA", self.squash),
                          Step("fill SQLite", "prepared INSERT of all rows, then the indexes", self.limit_restore, True),
                          Step("restore", "valise restore FULL", self.restore)]
        if peers:
            steps.append(Step("peer .dump", "sqlite3 .dump, zstd -3 -T0", self.sqlite_dump))
            if shutil.which("sqldiff"):
                steps.append(Step("peer sqldiff", "sqldiff of both versions", self.sqldiff))
        return steps

    # --- loading -----------------------------------------------------------------------------

    def loading(self, command, stdin=None, environment=None):
        environment = {**os.environ, "PGDATABASE": "bench_run", **(environment or {})}
        return self.server.watch(lambda: run(command, stdin=stdin, environment=environment))

    def limit_load(self, jobs):
        self.server.new_database("bench_tables")
        return self.loading([self.program("tests/bench/limit_load"), str(jobs), str(self.copies)])

    def limit_index(self, jobs):
        return self.loading([self.program("tests/bench/limit_index"), str(jobs)], stdin=self.server.index_plan())

    def limit_read_back(self, jobs):
        return self.loading([self.program("tests/bench/limit_read_back"), str(jobs)])

    def analyze(self, jobs):
        return self.loading(["vacuumdb", "--quiet", "--analyze-only", f"--jobs={jobs}", "bench_run"])

    def replay(self, jobs, verify):
        self.server.new_database("bench_schema")
        return self.loading([self.program("replay/valise-replay"), "--dsn", "dbname=bench_run", "--jobs", str(jobs),
                             f"--verify={verify}", str(self.dump_of(3))])

    def replay_steps(self, peers):
        steps = []
        for jobs in sorted({1, self.jobs}):
            steps += [
                Step(f"load j{jobs}", f"raw COPY BINARY, {jobs} connection(s)", lambda n=jobs: self.limit_load(n), True),
                Step(f"index j{jobs}", "indexes and constraints after", lambda n=jobs: self.limit_index(n), True),
                Step(f"analyze j{jobs}", "vacuumdb --analyze-only", lambda n=jobs: self.analyze(n), True),
                Step(f"read back j{jobs}", "COPY BINARY out", lambda n=jobs: self.limit_read_back(n), True),
            ]
            if self.has("replay/valise-replay"):
                for verify in ("none", "full"):
                    steps.append(Step(f"replay j{jobs} {verify}", f"valise-replay --verify={verify}",
                                      lambda n=jobs, how=verify: self.replay(n, how)))
        if peers:
            steps.append(Step("peer csv", "sqlite3 -csv, \\copy, then indexes", self.csv))
            if shutil.which("pgloader"):
                steps.append(Step("peer pgloader", "pgloader, workers = 2", self.pgloader))
        return steps

    # --- what people use today ----------------------------------------------------------------

    def csv(self):
        """Tables one after another, as a script would; BLOBs as hex, as csv cannot carry them."""
        self.server.new_database("bench_tables")
        lines = []
        for table, columns in self.columns().items():
            selected = ", ".join(f"'\\x' || hex({name})" if kind == "BLOB" else name for name, kind in columns)
            names = ", ".join(name for name, _ in columns)
            lines.append(f"sqlite3 -csv -nullvalue '\\N!' '{self.database}' \"SELECT {selected} FROM {table}\" |"
                         f" psql -Xqc \"\\copy {table} ({names}) FROM STDIN WITH (FORMAT csv, NULL '\\N!')\"")
        script = self.folder / "csv.sh"
        indexes = self.folder / "indexes.sql"
        indexes.write_text(self.server.index_plan())
        script.write_text("set -eo pipefail\n" + "\n".join(lines) + f"\npsql -Xq -f '{indexes}'\n")
        return self.loading(["bash", str(script)])

    def columns(self):
        """{table: [(column, declared type)]} of the tables that have rows."""
        import sqlite3
        database = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)
        tables = {}
        for (table,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
            if database.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone():
                tables[table] = [(row[1], row[2]) for row in database.execute(f"PRAGMA table_info({table})")]
        database.close()
        return tables

    def pgloader(self):
        """pgloader makes its own schema. Without a smaller prefetch it runs out of its heap."""
        sql("DROP DATABASE IF EXISTS bench_run")
        sql("CREATE DATABASE bench_run")
        target = f"postgresql://{os.environ['PGUSER']}@unix:{os.environ['PGHOST']}:{os.environ['PGPORT']}/bench_run"
        load = self.folder / "pgloader.load"
        load.write_text(f"LOAD DATABASE FROM sqlite://{self.database} INTO {target}\n"
                        " WITH include drop, create tables, create indexes, reset sequences, workers = 2,"
                        " concurrency = 1, prefetch rows = 1000, batch rows = 5000, batch size = 10 MB\n"
                        " SET work_mem to '64MB', maintenance_work_mem to '512MB';\n")
        return self.loading(["pgloader", "--quiet", str(load)])
