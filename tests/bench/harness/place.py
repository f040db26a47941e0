"""Where a benchmark's programs and files are, and how the files are made."""

import json
import os
import sqlite3
from pathlib import Path

from .measure import run, warm

# As a few days of use leave them; and for rates of replay ten times that, in some tables only.
CHANGES = ("--updates", "0.1%", "--inserts", "0.5%", "--deletes", "0.05%")
MANY_CHANGES = ("--updates", "1%", "--inserts", "5%", "--deletes", "0.5%")
TABLES = {
    "keyed": ("events", "event_json", "event_edges", "event_to_state_groups", "receipts_linearized",
              "local_media_repository", "blob_store"),
    "keyless": ("state_groups_state", "event_auth", "device_inbox"),    # with an index that is not unique
}


class Place:
    """One folder for one size of database."""

    def __init__(self, build, folder, jobs):
        self.build = Path(build)
        self.folder = Path(folder)
        self.jobs = jobs
        self.cores = os.cpu_count()
        self.database = self.folder / "bench.db"
        self.copies = self.folder / "copy"

    def program(self, path):
        return str(self.build / path)

    def file(self, name):
        return self.folder / name

    def dump_of(self, level):
        return self.folder / f"level{level}.valise"

    def changed(self, what):
        """A changed version of the database: "all", "keyed" or "keyless" tables."""
        return self.folder / f"changed-{what}.db"

    def delta_of(self, what):
        return self.folder / f"delta-{what}.valise"

    def prepare(self, size, seed, kinds):
        """Makes the database, changed versions of it, and ready COPY data, unless they are there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.database.exists():
            self.generate("--size", str(size), "--seed", str(seed), self.database)
        for what in kinds:
            self.make_changed(what)
        if not (self.copies / "list").exists():
            self.copies.mkdir(exist_ok=True)
            run([self.program("tests/bench/copy_files"), str(self.database), str(self.copies)])

    def generate(self, *arguments):
        """A file appears under its name only when it is whole."""
        whole = arguments[-1]
        half = whole.with_suffix(".half")
        half.unlink(missing_ok=True)
        sample = run([self.program("tests/bench/generate"), *map(str, arguments[:-1]), str(half)])
        half.rename(whole)
        return sample

    def make_changed(self, what):
        changed = self.changed(what)
        counts = changed.with_suffix(".json")
        if changed.exists() and counts.exists():
            return
        changed.unlink(missing_ok=True)
        how = CHANGES if what == "all" else (*MANY_CHANGES, "--tables", f",{','.join(TABLES[what])},")
        sample = self.generate("--mutate", self.database, *how, changed)
        counts.write_text(json.dumps(sample.facts))

    def changed_rows(self, what):
        """Rows inserted, updated (each once) and deleted in a changed version."""
        return sum(json.loads(self.changed(what).with_suffix(".json").read_text()).values())

    def warm(self):
        """Everything measured begins with its input in the page cache; what a round leaves there pushes it out."""
        warm([*self.folder.glob("*.db"), *self.copies.glob("*")])

    def columns(self):
        """{table: [(column, declared type)]} of the tables that have rows."""
        database = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)
        tables = {}
        for (table,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
            if database.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone():
                tables[table] = [(row[1], row[2]) for row in database.execute(f"PRAGMA table_info({table})")]
        database.close()
        return tables

    def writing(self, path, command, **options):
        """Runs something that writes the file path, which is in its command."""
        path.unlink(missing_ok=True)
        sample = run(command, **options)
        sample.file_bytes = path.stat().st_size
        return sample
