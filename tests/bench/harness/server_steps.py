"""Steps that load into PostgreSQL: what the server needs by itself, and valise-replay."""

import os

from . import statements
from .file_steps import FileSteps
from .measure import run
from .results import Step, total


class ServerSteps:
    """The steps for one Place on one Server. is_large: only what the plots and the goals need."""

    def __init__(self, place, server, is_large, row_count):
        self.place = place
        self.server = server
        self.is_large = is_large
        self.row_count = row_count

    def steps(self):
        steps = []
        for jobs in [self.place.jobs] if self.is_large else sorted({1, self.place.jobs}):
            steps += self.limits(jobs, once=jobs != self.place.jobs) + self.replays(jobs, once=jobs != self.place.jobs)
        return steps + self.deltas()

    def bookkeeping(self):
        return [Step("statements", "a replay with every statement in the server's log", self.log_statements,
                     needs=("dump L3",))]

    def limits(self, jobs, once):
        steps = [
            Step(f"load j{jobs}", f"raw COPY BINARY, {jobs} connection(s)", lambda: self.load(jobs), "limit", once=once),
            Step(f"index j{jobs}", "indexes and constraints after", lambda: self.index(jobs), "limit", once=once,
                 needs=(f"load j{jobs}",)),
            Step(f"analyze j{jobs}", "vacuumdb --analyze-only", lambda: self.analyze(jobs), "limit", once=once,
                 needs=(f"index j{jobs}",)),
            Step(f"read back j{jobs}", "COPY BINARY out", lambda: self.read_back(jobs), "limit", once=once,
                 needs=(f"index j{jobs}",)),
        ]
        return steps[:2] if self.is_large else steps

    def replays(self, jobs, once):
        parts = (f"load j{jobs}", f"index j{jobs}", f"analyze j{jobs}")
        limit = total(f"load j{jobs}", f"index j{jobs}")
        steps = [
            Step(f"replay j{jobs} none", "valise-replay --verify=none", lambda: self.replay(jobs, "none"),
                 limit=limit, parts=parts, once=once, needs=("dump L3",)),
            Step(f"replay j{jobs} full", "valise-replay --verify=full", lambda: self.replay(jobs, "full"),
                 limit=limit, parts=(*parts, f"read back j{jobs}"), once=once, needs=("dump L3",)),
        ]
        return steps[1:] if self.is_large else steps

    def deltas(self):
        """They begin with what the full replay before them left, and leave the same."""
        steps = [Step("delta replay", "with verification of what it touched", lambda: self.delta("all", "touched"),
                      needs=(f"replay j{self.place.jobs} full", "delta dump"))]
        steps.append(Step("undo", "valise-replay --undo of it", lambda: self.undo("all"), needs=("delta replay",)))
        steps.append(Step("delta changed", "with verification of the changed rows alone",
                          lambda: self.delta_and_back("all", "changed"), needs=("undo",)))
        if not self.is_large:
            for what in ("keyed", "keyless"):
                steps.append(Step(f"delta {what}", "many rows, indexes in place, --verify=none",
                                  lambda n=what: self.delta_and_back(n, "none"), needs=("undo",)))
        return steps

    def loading(self, command, variables=None, **options):
        environment = {**os.environ, "PGDATABASE": "bench_run", **(variables or {})}
        return self.server.watch(lambda: run(command, environment=environment, **options))

    def counted(self, sample):
        sample.rows = self.row_count
        return sample

    def load(self, jobs):
        self.server.new_database("bench_tables")
        return self.counted(self.loading([self.place.program("tests/bench/limit_load"), str(jobs),
                                          str(self.place.copies)]))

    def index(self, jobs):
        return self.loading([self.place.program("tests/bench/limit_index"), str(jobs)], stdin=self.server.index_plan())

    def read_back(self, jobs):
        return self.loading([self.place.program("tests/bench/limit_read_back"), str(jobs)])

    def analyze(self, jobs):
        return self.loading(["vacuumdb", "--quiet", "--analyze-only", f"--jobs={jobs}", "bench_run"])

    def replaying(self, *arguments, **options):
        return self.loading([self.place.program("replay/valise-replay"), "--quiet", "--dsn", "dbname=bench_run",
                             *map(str, arguments)], **options)

    def replay(self, jobs, verify, **options):
        self.server.new_database("bench_schema")
        return self.counted(self.replaying("--jobs", jobs, f"--verify={verify}", self.place.dump_of(3), **options))

    def log_statements(self):
        return statements.watch(lambda: self.replay(self.place.jobs, "none", variables={"PGOPTIONS": statements.SETTING}))

    def delta(self, what, verify):
        sample = self.replaying("--jobs", self.place.jobs, f"--verify={verify}", self.place.delta_of(what))
        sample.rows = self.place.changed_rows(what)
        return sample

    def undo(self, what):
        sample = self.replaying("--undo", "--verify=none", self.place.delta_of(what))
        sample.rows = self.place.changed_rows(what)
        return sample

    def delta_and_back(self, what, verify):
        if not self.place.delta_of(what).exists():
            FileSteps(self.place, self.is_large).delta(what)
        sample = self.delta(what, verify)
        self.undo(what)
        return sample
