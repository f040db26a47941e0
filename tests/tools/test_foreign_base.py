"""A delta says so when its base looks like a dump of another database, and never for ordinary changes."""
from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from running import Run, snapshots, valise, valise_dump  # noqa: F401 (fixtures)

QUESTION = "is the base a dump of another database?"
SCHEMA = """
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE letters (place TEXT PRIMARY KEY, text TEXT) WITHOUT ROWID;
CREATE TABLE keyless (a, b);
CREATE TABLE versions (name TEXT);
CREATE TABLE position (lock TEXT, value INTEGER);
"""
FILL = """
INSERT INTO people SELECT value, 'person {0} ' || value FROM generate_series(1, 300);
INSERT INTO letters SELECT '{0}/' || value, 'text' || value FROM generate_series(1, 2000);
INSERT INTO keyless SELECT value % 7, '{0}' FROM generate_series(1, 500);
INSERT INTO versions SELECT 'step ' || value FROM generate_series(1, 40);
INSERT INTO position VALUES ('X', length('{0}'));
"""


def edit(path: Path, script: str) -> Path:
    series = "(WITH RECURSIVE n(value) AS (VALUES (1) UNION ALL SELECT value + 1 FROM n WHERE value < {}) SELECT value FROM n)"
    for count in (40, 300, 500, 2000):
        script = script.replace(f"generate_series(1, {count})", series.format(count))
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript(script)
    return path


def said(valise: Run, valise_dump: Run, folder: Path, old: Path, new: Path) -> str:
    """What the delta from one to the other says; it is exact in any case."""
    full, delta, back = (folder / name for name in ("full.valise", "delta.valise", "back.db"))
    valise_dump("--progress=none", "-o", full, old)
    words = valise_dump("--progress=none", "--base", full, "-o", delta, new).stderr.decode()
    valise("restore", "-o", back, full, delta)
    valise("diff", "--exit-code", new, back)
    return words


def test_another_database_of_the_same_application(valise: Run, valise_dump: Run, tmp_path: Path) -> None:
    """What all of them have in common, as a list of versions, hides nothing."""
    one, other = (edit(tmp_path / f"{name}.db", SCHEMA + FILL.format(name)) for name in ("one", "other"))
    words = said(valise, valise_dump, tmp_path, one, other)
    assert QUESTION in words and "base's 4 tables that can be compared, 0 are not in this database and 3 have no row" in words


def test_another_application(valise: Run, valise_dump: Run, tmp_path: Path) -> None:
    one = edit(tmp_path / "one.db", SCHEMA + FILL.format("one"))
    other = edit(tmp_path / "other.db", "CREATE TABLE t (a); INSERT INTO t VALUES (1); CREATE TABLE keyless (z, y)")
    words = said(valise, valise_dump, tmp_path, one, other)
    assert QUESTION in words and "base's 3 tables that can be compared, 3 are not in this database and 0 have" in words


ORDINARY = {
    "nothing": "",
    "one row": "UPDATE people SET name = '' WHERE id = 7; UPDATE position SET value = 99",
    "a table changed as a whole": "UPDATE letters SET text = text || '!'",
    "columns added everywhere": "ALTER TABLE people ADD c; ALTER TABLE letters ADD c; ALTER TABLE keyless ADD c; ALTER TABLE versions ADD c",
    "tables emptied": "DELETE FROM people; DELETE FROM letters; DELETE FROM keyless",
    "tables dropped": "DROP TABLE people; DROP TABLE versions",
    "all tables renamed": "ALTER TABLE people RENAME TO p; ALTER TABLE letters RENAME TO l; ALTER TABLE keyless RENAME TO k; "
                          "ALTER TABLE versions RENAME TO v",
    "all but a few rows deleted": "DELETE FROM people WHERE id > 1; DELETE FROM letters WHERE place <> 'one/1'; "
                                  "DELETE FROM keyless WHERE rowid > 1; DELETE FROM versions WHERE rowid > 1; VACUUM",
    "much more": "INSERT INTO letters SELECT 'new' || value, 'n' FROM generate_series(1, 2000); INSERT INTO keyless SELECT a, b FROM keyless",
}


@pytest.mark.parametrize("change", ORDINARY)
def test_ordinary_changes(valise: Run, valise_dump: Run, tmp_path: Path, change: str) -> None:
    old, new = (edit(tmp_path / f"{name}.db", SCHEMA + FILL.format("one")) for name in ("old", "new"))
    edit(new, ORDINARY[change])
    assert said(valise, valise_dump, tmp_path, old, new) == ""


def test_tiny_databases(valise: Run, valise_dump: Run, tmp_path: Path) -> None:
    """A handful of rows may well change as a whole."""
    old, new = (edit(tmp_path / f"{name}.db", f"CREATE TABLE t (a); INSERT INTO t VALUES ('{name}'), (1)") for name in ("old", "new"))
    edit(new, "UPDATE t SET a = 3 WHERE a = 1")
    empty = edit(tmp_path / "empty.db", "CREATE TABLE t (a)")
    assert said(valise, valise_dump, tmp_path, old, new) == ""
    assert QUESTION not in valise_dump("--base", tmp_path / "full.valise", "-o", tmp_path / "e.valise", empty).stderr.decode()


def test_a_homeserver(valise: Run, valise_dump: Run, tmp_path: Path, snapshots: dict[str, Path]) -> None:
    """Days of a homeserver's life, a schema upgrade and a VACUUM in between."""
    for old, new in ("AB", "BC", "AC"):
        (tmp_path / (old + new)).mkdir()
        assert QUESTION not in said(valise, valise_dump, tmp_path / (old + new), snapshots[old], snapshots[new])
