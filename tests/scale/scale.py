#!/usr/bin/python3
"""What happens far beyond the sizes that tests can have: dumps of a million blocks, of 2^40 rows and of hundreds of GB,
and SQLite files with pages beyond 2^37, made small by what they hold.

    tools/with_postgres.sh tests/scale/scale.py BUILD            a minute at most; part of the tests
    tools/with_postgres.sh tests/scale/scale.py BUILD --long     a million blocks, 2^32 rows hashed, 200 GB read

A test's name (Scale.test_many_blocks) behind that runs it alone.

Needs no more than 8 GB of disk ($TMPDIR) for the long form. Prints what each step took.
"""

import json
import os
import shlex
import signal
import sqlite3
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bench"))

from harness import measure     # noqa: E402

LONG = "--long" in sys.argv
BUILD = Path(sys.argv[1])
BLOCKS = 1_000_000 if LONG else 20_000
FILLED = 200_000_000_000 if LONG else 4_500_000_000      # beyond 2^37 and 2^32
HASHED_ROWS = (1 << 32) + (1 << 24)
SPARSE_PAGES = (1 << 37) // 65536 + 1000
measure.RUN_ALONE = str(BUILD / "tests/bench/run_alone")
MEMORY_MAX = 400_000_000      # bytes; the index of a million blocks has 80 MB, two blocks of filling at once 200 MB
CHAIN_MEMORY_MAX = 600_000_000      # of a chain with two such indexes and as many units


def sql(statement, database="postgres"):
    done = subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database], input=statement, text=True,
                          capture_output=True, check=True)
    return done.stdout.strip()


class Scale(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="valise-scale.")
        cls.folder = Path(cls.scratch.name)
        sql("CREATE DATABASE scale TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")

    @classmethod
    def tearDownClass(cls):
        sql("DROP DATABASE scale WITH (FORCE)")
        cls.scratch.cleanup()

    def run_program(self, program, *arguments, memory_max=MEMORY_MAX):
        """The program's Sample; its memory is bounded in every test."""
        # A string: the files that a list names would be read first, with all their holes.
        sample = measure.run(shlex.join([str(BUILD / program), *map(str, arguments)]))
        print(f"  {Path(program).name} {' '.join(map(str, arguments))[:70]}: {sample.seconds:.2f} s,"
              f" CPU {sample.cpu_seconds:.2f} s, RSS {sample.rss_bytes / 1e6:.0f} MB", flush=True)
        self.assertLess(sample.rss_bytes, memory_max)
        return sample

    def make(self, kind, number):
        path = self.folder / f"{kind}.valise"
        self.run_program("tests/scale/make_scale", kind, number, path)
        print(f"  {kind} {number}: {path.stat().st_size:,} bytes", flush=True)
        return path

    def info(self, path):
        self.run_program("tools/valise", "info", path)
        done = subprocess.run([BUILD / "tools/valise", "info", "--json", path], check=True, capture_output=True)
        return json.loads(done.stdout)

    def new_target(self, *statements):
        sql("DROP SCHEMA IF EXISTS valise CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public;" + ";".join(statements),
            "scale")

    def replay(self, *arguments):
        return self.run_program("replay/valise-replay", "--quiet", "--dsn", "dbname=scale", *arguments)

    def test_many_blocks(self):
        """The index is the only thing that grows with the number of blocks."""
        path = self.make("blocks", BLOCKS)
        info = self.info(path)
        self.assertEqual((info["tables"][0]["rows"], info["tables"][0]["blocks"]), (BLOCKS, BLOCKS))
        self.run_program("tools/valise", "verify", path)
        self.run_program("tools/valise", "diff", "--exit-code", path, path)
        self.run_program("tools/valise", "squash", "-o", self.folder / "squashed.valise", path)
        self.assertEqual(self.info(self.folder / "squashed.valise")["state"], info["state"])
        self.new_target("CREATE TABLE t (id bigint)")
        self.replay("--dry-run", path)
        self.replay(path)
        self.assertEqual(sql("SELECT count(*), sum(id) FROM t", "scale"), f"{BLOCKS}|{BLOCKS * (BLOCKS - 1) // 2}")
        print(f"  ledger: {sql('SELECT count(*) FROM valise.part', 'scale')} parts", flush=True)
        path.unlink()

    def test_delta_of_many_blocks(self):
        """The worst that a delta can meet: a base that is cut where nobody else would cut, so that every unit is another,
        and the delta has as many blocks."""
        base = self.make("blocks", BLOCKS)
        self.new_target("CREATE TABLE t (id bigint)")
        self.replay(base)
        changed = self.folder / "changed.db"
        with sqlite3.connect(changed) as database:
            database.execute("CREATE TABLE t (id INTEGER)")
            database.executemany("INSERT INTO t VALUES (?)", ((i,) for i in range(BLOCKS)))
            database.execute("UPDATE t SET id = -id WHERE id IN (1, 77, 5000)")
            database.execute("DELETE FROM t WHERE id = 78")
        delta = self.folder / "delta.valise"
        self.run_program("dump/valise-dump", "-b", base, "-o", delta, changed, memory_max=CHAIN_MEMORY_MAX)
        print(f"  delta: {delta.stat().st_size:,} bytes", flush=True)
        squashed = self.folder / "squashed.valise"
        for command in (("info", base, delta), ("verify", base, delta), ("squash", "-o", squashed, base, delta)):
            self.run_program("tools/valise", *command, memory_max=CHAIN_MEMORY_MAX)
        self.assertEqual(self.info(squashed)["state"], self.info(delta)["state"])
        self.replay("--dry-run", delta)
        self.replay(delta)
        self.assertEqual(sql("SELECT count(*), sum(id) FROM t", "scale"),
                         f"{BLOCKS - 1}|{BLOCKS * (BLOCKS - 1) // 2 - 2 * (1 + 77 + 5000) - 78}")
        for path in (base, changed, delta, squashed):
            path.unlink()

    def test_many_rows(self):
        """2^40 rows are counted, summed, planned and printed; nobody stores a count in 32 bits."""
        rows = 1 << 40
        path = self.make("rows", rows)
        info = self.info(path)
        self.assertEqual(info["tables"][0]["rows"], rows)
        self.assertEqual(info["tables"][0]["columns"][0]["null"], rows)
        self.new_target("CREATE TABLE t (id bigint)")
        self.replay("--dry-run", path)
        done = subprocess.run([BUILD / "replay/valise-replay", "--dsn", "dbname=scale", "--dry-run", path], check=True,
                              capture_output=True, text=True)
        self.assertIn(str(rows), done.stdout.replace(",", ""))
        report = self.folder / "report.json"
        self.replay("--dry-run", "--report", report, path)
        self.assertEqual(json.loads(report.read_text())["tables"][0]["rows"], rows)
        self.replay("--dry-run", "--report", self.folder / "report.html", path)
        self.assertIn(str(rows), (self.folder / "report.html").read_text().replace(",", "").replace("\u202f", ""))
        self.stopped(rows, "tools/valise", "verify", path)
        self.stopped(rows, "replay/valise-replay", "--dsn", "dbname=scale", path)
        path.unlink()

    def stopped(self, rows, program, *arguments):
        """Begins what would take days, and stops it: what it says of the end is far off, but it is said in numbers."""
        seen = []
        with subprocess.Popen([BUILD / program, *arguments, "--progress=json"], stderr=subprocess.PIPE,
                              stdout=subprocess.DEVNULL, text=True) as process:
            for line in process.stderr:
                seen.append(json.loads(line))
                if seen[-1]["event"] == "progress" and seen[-1]["seconds_left"] and not seen[-1]["stopping"]:
                    process.send_signal(signal.SIGINT)
        self.assertEqual((process.returncode, seen[-1]["outcome"]), (11, "stopped"))
        last = next(each for each in reversed(seen) if each["event"] == "progress")
        totals = max(phase["rows_total"] for phase in last["phases"])
        print(f"  {Path(program).name}: {last['percent']} % after {last['seconds']} s, {last['seconds_left']} s left", flush=True)
        self.assertIn(totals, (0, rows))     # 0: not known, as it goes by bytes
        self.assertTrue(0 <= last["percent"] < 5, last)
        self.assertGreater(last["seconds_left"], 1000)

    def test_ledger_columns(self):
        """Counters of the ledger are 64 bits wide."""
        path = self.make("rows", 5)
        self.new_target("CREATE TABLE t (id bigint)")
        self.replay(path)
        narrow = sql("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'valise'"
                     " AND data_type IN ('integer', 'smallint') AND column_name NOT IN ('version', 'phase', 'action')"
                     " ORDER BY 1, 2", "scale")
        self.assertEqual(narrow, "")

    @unittest.skipUnless(LONG, "takes minutes; --long")
    def test_more_rows_than_32_bits_are_hashed(self):
        path = self.make("rows", HASHED_ROWS)
        sample = measure.run(shlex.join([str(BUILD / "tools/valise"), "verify", "--json", str(path)]))
        self.assertEqual(sample.facts["rows"], HASHED_ROWS)
        print(f"  verify: {HASHED_ROWS:,} rows in {sample.seconds:.0f} s, CPU {sample.cpu_seconds:.0f} s", flush=True)

    def test_large_file(self):
        """Every reader finds a table behind more bytes than 32 (in the long form 37) bits can count."""
        path = self.make("size", FILLED)
        self.assertGreater(path.stat().st_size, FILLED)
        self.assertEqual([table["rows"] for table in self.info(path)["tables"]], [3, 3])
        rows = subprocess.run([BUILD / "tools/valise", "cat", "--table", "last", path], check=True, capture_output=True,
                              text=True).stdout
        self.assertEqual(rows.count("INSERT"), 3)
        self.run_program("tools/valise", "verify", path)
        self.new_target("CREATE TABLE first (id bigint)", "CREATE TABLE last (id bigint)")
        self.replay(path)
        self.assertEqual(sql("SELECT sum(id) FROM last", "scale"), "3")
        path.unlink()

    def test_large_database(self):
        """Pages of SQLite beyond 2^37 bytes are read, and no more than the pages in use."""
        path = self.folder / "large.db"
        database = sqlite3.connect(path)
        database.executescript("PRAGMA page_size = 65536; CREATE TABLE a (id INTEGER PRIMARY KEY, v TEXT);"
                               "INSERT INTO a VALUES (1, 'near')")
        database.close()
        with open(path, "r+b") as file:     # declares pages that nobody uses; the file gets a hole
            header = bytearray(file.read(100))
            header[28:32] = SPARSE_PAGES.to_bytes(4, "big")
            header[92:96] = header[24:28]
            file.seek(0)
            file.write(header)
            file.truncate(SPARSE_PAGES * 65536)
        database = sqlite3.connect(path)
        database.executescript("CREATE TABLE b (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO b WITH RECURSIVE n(i) AS"
                               " (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i, 'far ' || i FROM n")
        root = database.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'b'").fetchone()[0]
        database.close()
        self.assertGreater(root * 65536, 1 << 37)
        dump = self.folder / "large.valise"
        self.run_program("dump/valise-dump", "-o", dump, path)
        self.assertEqual([table["rows"] for table in self.info(dump)["tables"]], [1, 20000])
        restored = self.folder / "restored.db"
        self.run_program("tools/valise", "restore", "-o", restored, dump)
        with sqlite3.connect(restored) as small:
            self.assertEqual(small.execute("SELECT v FROM b ORDER BY id DESC LIMIT 1").fetchone(), ("far 20000",))
        print(f"  {path.stat().st_size:,} bytes of database, {path.stat().st_blocks * 512:,} on disk", flush=True)
        path.unlink()


if __name__ == "__main__":
    if "PGHOST" not in os.environ:
        print("SKIP: no PostgreSQL; run this by tools/with_postgres.sh")
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], *(word for word in sys.argv[2:] if word != "--long")], verbosity=2)
