"""One large table: loaded in parts and read back in parts, by all connections, every row exactly once."""
from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path

import pytest

import programs
from conftest import Database

ROWS = 300_000
TARGET = "CREATE TABLE big (id bigint PRIMARY KEY, v text); CREATE TABLE little (a bigint); CREATE INDEX big_v ON big (left(v, 8))"


def dump(folder: Path, rows: int) -> Path:
    """About 400 bytes a row: more than one part to read from 32 MiB on."""
    with contextlib.closing(sqlite3.connect(folder / f"{rows}.db")) as db:
        db.executescript(f"""
            CREATE TABLE big (id INTEGER PRIMARY KEY, v TEXT);
            INSERT INTO big WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
                SELECT i, printf('%0400d', i * 7919) FROM n;
            CREATE TABLE little (a INTEGER); INSERT INTO little SELECT id FROM big LIMIT 10""")
    return programs.dump(folder / f"{rows}.db", folder / f"{rows}.valise")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dump(tmp_path_factory.mktemp("large"), ROWS)


@pytest.mark.parametrize("jobs", [1, 3])
def test_every_row_is_read_once(database: Database, large: Path, tmp_path: Path, jobs: int) -> None:
    database.execute(TARGET)
    programs.replay(database.dsn, large, f"--jobs={jobs}", "--report", tmp_path / "report.json")
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["verified"]["tables"], report["verified"]["rows"]) == (2, ROWS + 10)
    assert database.query("SELECT count(*), sum(id) FROM big") == [(ROWS, ROWS * (ROWS + 1) // 2)]
    assert database.query("SELECT count(*) > 4 FROM valise.part WHERE table_name = 'big'") == [(True,)]
    assert report["seconds"]["total"] > 0


@pytest.mark.parametrize("harm", [
    "UPDATE big SET v = 'other' WHERE id = (SELECT max(id) FROM big)",
    "UPDATE big SET v = 'other' WHERE ctid = (SELECT min(ctid) FROM big)",
    "DELETE FROM big WHERE id = (SELECT min(id) FROM big)",
    "INSERT INTO big VALUES (-1, '')",
])
def test_one_wrong_row_is_seen(database: Database, large: Path, tmp_path: Path, harm: str) -> None:
    """Rows that change while others are loaded: behind the replay's back, so by a trigger on its own ledger."""
    database.execute(TARGET)
    programs.replay(database.dsn, dump(tmp_path, 5))
    database.execute(f"""
        CREATE FUNCTION harm() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$ BEGIN {harm}; RETURN NULL; END $$;
        CREATE TRIGGER harm AFTER INSERT ON valise.part FOR EACH ROW WHEN (NEW.table_name = 'big' AND NEW.number = 1)
            EXECUTE FUNCTION harm()""")
    programs.fail(programs.MISMATCH, ['table "big"', "not to be used"], programs.REPLAY, "--dsn", database.dsn, "--jobs=2", large)
