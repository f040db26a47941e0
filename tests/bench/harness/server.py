"""The throwaway PostgreSQL of a benchmark run: databases to load into, and what the server itself took."""

import os
import re
import subprocess
import time
from pathlib import Path

# The same for the limits and for Valise. with_postgres.sh appends them to postgresql.conf.
SETTINGS = """
fsync = on
wal_level = replica
shared_buffers = 2GB
maintenance_work_mem = 512MB
max_parallel_maintenance_workers = 0
max_wal_size = 16GB
checkpoint_timeout = 30min
autovacuum = off
"""

TICKS = os.sysconf("SC_CLK_TCK")


def sql(statements, database="postgres"):
    """Runs statements with psql; returns what they print, unaligned."""
    done = subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database], input=statements, text=True,
                          capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"psql: {done.stderr.strip()}")
    return done.stdout.strip()


def parts_of_schema(path):
    """schema.sql as {"tables": sql, "indexes": sql, "foreign keys": sql}."""
    parts = {}
    name = ""
    for line in Path(path).read_text().splitlines(keepends=True):
        if line.startswith("-- part: "):
            name = line.removeprefix("-- part: ").strip()
        elif not line.startswith("--"):
            parts[name] = parts.get(name, "") + line
    return parts


class Server:
    """Template databases: bench_tables has tables alone, bench_schema has all of the schema."""

    def __init__(self, schema):
        self.parts = parts_of_schema(schema)
        sql("CREATE DATABASE bench_tables;\nCREATE DATABASE bench_schema;")
        sql(self.parts["tables"], "bench_tables")
        sql("\n".join(self.parts[name] for name in ("tables", "indexes", "foreign keys")), "bench_schema")
        self.postmaster = int(Path(sql("SHOW data_directory"), "postmaster.pid").read_text().split()[0])
        self.version = sql("SHOW server_version")
        time.sleep(1)
        self.idle_children = len(self.children())

    def new_database(self, template):
        """Makes the database bench_run anew, with everything written to disk."""
        sql("DROP DATABASE IF EXISTS bench_run WITH (FORCE)")
        sql(f"CREATE DATABASE bench_run TEMPLATE {template}")
        sql("CHECKPOINT")

    def template_of_table(self, table):
        """Makes a template with this table and its indexes alone; returns its name."""
        name = f"bench_{table}"
        created = re.search(rf"^CREATE TABLE {table} \(.*?^\);", self.parts["tables"], re.DOTALL | re.MULTILINE)[0]
        sql(f"CREATE DATABASE {name}")
        sql("\n".join([created, *self.indexes_of(table)]), name)
        return name

    def indexes_of(self, table=None):
        """The statements that make indexes, of one table or of all."""
        lines = filter(None, self.parts["indexes"].splitlines())
        return [line for line in lines if table is None or re.search(rf"(ON|TABLE) {table} ", line)]

    def index_plan(self, table=None):
        """The indexes part, or a table's, as limit_index reads it: indexes, then constraints on them, then foreign keys.

        A unique constraint is a unique index and then a constraint on it: the index can be built
        beside others of the same table.
        """
        indexes, constraints = [], []
        for line in self.indexes_of(table):
            words = line.split()
            if words[0] == "CREATE":
                indexes.append(line)
                continue
            table, name, columns = words[2], words[5], line[line.index("("):]
            kind = line[line.index(name) + len(name):line.index("(")].strip()
            indexes.append(f"CREATE UNIQUE INDEX {name} ON {table} {columns}")
            constraints.append(f"ALTER TABLE {table} ADD CONSTRAINT {name} {kind} USING INDEX {name}")
        keys = [] if table else list(filter(None, self.parts["foreign keys"].splitlines()))
        return "\n\n".join("\n".join(stage) for stage in (indexes, constraints, keys)) + "\n"

    def watch(self, function):
        """Runs function and adds the server's CPU and WAL to the Sample that it returns."""
        wal, cpu = self.wal_position(), self.settled_cpu_seconds()
        sample = function()
        sample.server_cpu_seconds = self.settled_cpu_seconds() - cpu
        sample.wal_bytes = self.wal_position() - wal
        return sample

    def settled_cpu_seconds(self):
        """cpu_seconds() when sessions that were closed have ended: until then the one or the other may miss."""
        children = self.children()
        while True:
            time.sleep(0.2)
            now = self.children()
            if now == children and len(now) <= self.idle_children:
                return self.cpu_seconds()
            children = now

    def children(self):
        """Processes of the server other than the postmaster."""
        path = Path("/proc", str(self.postmaster), "task", str(self.postmaster), "children")
        return path.read_text().split()

    @staticmethod
    def wal_position():
        return int(sql("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint"))

    def cpu_seconds(self):
        """CPU of the postmaster, of its children, and of its children that have ended."""
        total = 0
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue    # ended meanwhile
            if int(entry.name) == self.postmaster:
                total += sum(map(int, fields[11:15]))
            elif int(fields[1]) == self.postmaster:
                total += sum(map(int, fields[11:13]))
        return total / TICKS
