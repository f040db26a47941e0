"""What people use today, measured on the same database and the same server."""

import os
import shutil

from .measure import run
from .results import Step
from .server import sql

# Each is measured once, and ended after this many seconds.
LIMIT_SECONDS = 240


class Peers:
    """The peers that are installed; why the others are not measured."""

    def __init__(self, place, server, loading, row_count):
        self.place = place
        self.server = server
        self.loading = loading      # runs a command that loads into bench_run
        self.row_count = row_count
        self.missing = {}

    def steps(self):
        found = []
        for program, package, step in (
                ("sqlite3", "sqlite3", Step("peer .dump", "sqlite3 .dump, zstd -3 -T0", self.sqlite_dump, "peer", once=True)),
                ("sqldiff", "sqlite3-tools", Step("peer sqldiff", "sqldiff of both versions", self.sqldiff, "peer", once=True)),
                ("psql", "postgresql", Step("peer csv", "sqlite3 -csv, \\copy, then indexes", self.csv, "peer", once=True)),
                ("pgloader", "pgloader", Step("peer pgloader", "pgloader, workers = 2", self.pgloader, "peer", once=True))):
            if shutil.which(program):
                found.append(step)
            else:
                self.missing[step.name] = f"{program} is not installed (Debian's package {package})"
        return found

    def sqlite_dump(self):
        path = self.place.file("peer.sql.zst")
        sample = self.place.writing(path, f"sqlite3 '{self.place.database}' .dump | zstd -q -3 -T0 -f -o '{path}'",
                                    timeout=LIMIT_SECONDS)
        path.unlink()
        return sample

    def sqldiff(self):
        path = self.place.file("peer.diff")
        sample = self.place.writing(path, f"sqldiff '{self.place.database}' '{self.place.changed('all')}' >'{path}'",
                                    timeout=LIMIT_SECONDS)
        path.unlink()
        return sample

    def counted(self, sample):
        sample.rows = self.row_count
        return sample

    def csv(self):
        """Tables one after another, as a script would; BLOBs as hex, as csv cannot carry them."""
        self.server.new_database("bench_tables")
        lines = []
        for table, columns in self.place.columns().items():
            selected = ", ".join(f"'\\x' || hex({name})" if kind == "BLOB" else name for name, kind in columns)
            names = ", ".join(name for name, _ in columns)
            lines.append(f"sqlite3 -csv -nullvalue '\\N!' '{self.place.database}' \"SELECT {selected} FROM {table}\" |"
                         f" psql -Xqc \"\\copy {table} ({names}) FROM STDIN WITH (FORMAT csv, NULL '\\N!')\"")
        script = self.place.file("csv.sh")
        indexes = self.place.file("indexes.sql")
        indexes.write_text(self.server.index_plan().replace("\n", ";\n"))
        script.write_text("set -eo pipefail\n" + "\n".join(lines) + f"\npsql -Xq -v ON_ERROR_STOP=1 -f '{indexes}'\n")
        return self.counted(self.loading(["bash", str(script)], timeout=LIMIT_SECONDS))

    def pgloader(self):
        """pgloader makes its own schema. Without a smaller prefetch it runs out of its heap."""
        sql("DROP DATABASE IF EXISTS bench_run WITH (FORCE)")
        sql("CREATE DATABASE bench_run")
        target = f"postgresql://{os.environ['PGUSER']}@unix:{os.environ['PGHOST']}:{os.environ['PGPORT']}/bench_run"
        load = self.place.file("pgloader.load")
        load.write_text(f"LOAD DATABASE FROM sqlite://{self.place.database} INTO {target}\n"
                        " WITH include drop, create tables, create indexes, reset sequences, workers = 2,"
                        " concurrency = 1, prefetch rows = 1000, batch rows = 5000, batch size = 10 MB\n"
                        " SET work_mem to '64MB', maintenance_work_mem to '512MB';\n")
        return self.counted(self.loading(["pgloader", "--quiet", str(load)], timeout=LIMIT_SECONDS))
