#!/usr/bin/python3
"""The generator keeps its promises: same arguments, same bytes; a sound database; changes that are as asked for;
and the tables and columns that schema.sql has."""

import re
import sqlite3
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

GENERATE = sys.argv.pop(1)
SCHEMA = Path(__file__).with_name("schema.sql").read_text()


def generate(*arguments):
    subprocess.run([GENERATE, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


class Generated(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.folder = Path(cls.scratch.name)
        cls.old = cls.folder / "old.db"
        cls.new = cls.folder / "new.db"
        generate("--size", "4M", cls.old)
        generate("--mutate", cls.old, "--updates", "2%", "--inserts", "3%", "--deletes", "1%", cls.new)

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def test_same_seed_same_bytes(self):
        again = self.folder / "again.db"
        generate("--size", "4M", again)
        self.assertEqual(again.read_bytes(), self.old.read_bytes())

    def test_other_seed_other_bytes(self):
        other = self.folder / "other.db"
        generate("--size", "4M", "--seed", 2, other)
        self.assertNotEqual(other.read_bytes(), self.old.read_bytes())

    def test_size_is_as_asked(self):
        self.assertGreaterEqual(self.old.stat().st_size, 4 << 20)
        self.assertLess(self.old.stat().st_size, 6 << 20)

    def test_databases_are_sound(self):
        for path in (self.old, self.new):
            database = sqlite3.connect(path)
            self.assertEqual(database.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
            self.assertEqual(database.execute("PRAGMA foreign_key_check").fetchall(), [])
            database.close()

    def test_every_large_table_changes(self):
        database = sqlite3.connect(self.old)
        database.execute("ATTACH ? AS new", (str(self.new),))
        for table in re.findall(r"^CREATE TABLE (\w+)", SCHEMA, re.M):
            added = database.execute(f"SELECT count(*) FROM (SELECT rowid, * FROM new.{table}"
                                     f" EXCEPT SELECT rowid, * FROM main.{table})").fetchone()[0]
            removed = database.execute(f"SELECT count(*) FROM (SELECT rowid, * FROM main.{table}"
                                       f" EXCEPT SELECT rowid, * FROM new.{table})").fetchone()[0]
            rows = database.execute(f"SELECT count(*) FROM main.{table}").fetchone()[0]
            self.assertGreaterEqual(added, int(rows * 0.02), table)
            self.assertLess(added, rows * 0.07, table)
            self.assertLess(removed, rows * 0.04, table)
        database.close()

    def test_what_was_mutated_is_mutated_again(self):
        """Night after night, as an archive's; numbers stay dense, so that rows to change are found."""
        paths = [self.old] + [self.folder / f"night{night}.db" for night in range(1, 7)]
        for old, new in zip(paths, paths[1:]):
            generate("--mutate", old, "--updates", "2%", "--inserts", "20%", "--deletes", "3%", new)
            database = sqlite3.connect(new)
            self.assertEqual(database.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
            self.assertEqual(database.execute("PRAGMA foreign_key_check").fetchall(), [])
            rows, newest = database.execute("SELECT count(*), max(stream_ordering) FROM events").fetchone()
            database.execute("ATTACH ? AS old", (str(old),))
            before = database.execute("SELECT count(*) FROM old.events").fetchone()[0]
            self.assertGreater(rows, before * 1.1)
            self.assertLess(newest, rows * 2)
            database.close()

    def test_schemas_have_the_same_columns(self):
        database = sqlite3.connect(self.old)
        for table, body in re.findall(r"^CREATE TABLE (\w+) \((.*?)^\);", SCHEMA, re.M | re.S):
            target = set(re.findall(r"^    (\w+) ", body, re.M))
            source = {row[1] for row in database.execute(f"PRAGMA table_info({table})")}
            self.assertEqual(source, target, table)
        names = {row[0] for row in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        large = {name for name in names if not name.startswith("side_")}
        self.assertEqual(large, set(re.findall(r"^CREATE TABLE (\w+)", SCHEMA, re.M)))
        self.assertEqual(len(names) - len(large), int(re.search(r"1\.\.(\d+) LOOP", SCHEMA)[1]))
        database.close()


if __name__ == "__main__":
    unittest.main()
