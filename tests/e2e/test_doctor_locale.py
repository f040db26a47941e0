"""valise doctor on encodings and collations: each finding made for real, and mended by following what it prints."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Database
from doctor import Findings, follow_shell, follow_sql, look
from test_replay_refusals import config_for


def swapped_as_printed(database: Database, finding: dict[str, object], folder: Path) -> None:
    """The safest way: dump, create, restore, swap the names."""
    database.settle()
    follow_shell(finding, folder)


@pytest.mark.parametrize("options, name, words", [
    ("ENCODING 'LATIN1' LOCALE 'C'", "encoding", ["LATIN1"]),
    ("ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C'", "collation", ["C.UTF-8"]),
    ("ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'", "ctype", ["C.UTF-8"]),
    ("ENCODING 'UTF8' LOCALE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'de'", "locale-provider", ["icu", "de"]),
])
def test_a_wrong_locale(other_database: Callable[[str], Database], tmp_path: Path, options: str, name: str, words: list[str]) -> None:
    database = other_database(options)
    database.execute("CREATE TABLE t (id serial PRIMARY KEY, v text UNIQUE); INSERT INTO t (v) VALUES ('a'), ('B'), ('b')")
    profile = tmp_path / "profile.yaml"
    profile.write_text("profile: x\ntitle: X\nformat: 1\nrecognise: [t]\ntarget: {encoding: UTF8, collate: C, ctype: C}\n")
    found = look(database, "--profile", str(profile))
    finding = found.one(name, "warning" if name == "locale-provider" else "error", *words)
    swapped_as_printed(database, finding, tmp_path)
    look(database, "--profile", str(profile)).well("encoding")
    for well in ("collation", "ctype"):
        look(database, "--profile", str(profile)).well(well)
    assert not look(database).of("locale-provider")
    assert database.query("SELECT v FROM t ORDER BY v") == [("B",), ("a",), ("b",)]


def test_a_wrong_locale_that_is_allowed(other_database: Callable[[str], Database], tmp_path: Path) -> None:
    database = other_database("ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C'")
    database.execute("CREATE TABLE t (a integer)")
    profile = tmp_path / "profile.yaml"
    profile.write_text("profile: x\ntitle: X\nformat: 1\nrecognise: [t]\ntarget: {encoding: UTF8, collate: C, ctype: C}\n")
    config = config_for(database, tmp_path)
    config.write_text(config.read_text().replace('"name":', '"allow_unsafe_locale": true, "name":', 1))
    Findings("--postgres-config", config, "--profile", profile).one("collation", "warning", "C.UTF-8")
    look(database, "--profile", "none").one("collation", "notice", "C.UTF-8")


def test_other_collations_inside(database: Database) -> None:
    database.execute("""
        CREATE TABLE t (plain text, "b ä" varchar(9) COLLATE "de-x-icu", c text COLLATE "POSIX");
        CREATE INDEX on_plain ON t (plain); CREATE INDEX on_b ON t ("b ä"); CREATE INDEX other ON t (plain COLLATE "fr-x-icu");
        INSERT INTO t VALUES ('x', 'y', 'z')""")
    found = look(database).of("column-collation")
    assert [(each["severity"], each["what"]) for each in found] == [
        ("notice", 'index "public"."other", column "plain" has the collation "fr-x-icu"'),
        ("notice", 'table "public"."t", column "b ä" has the collation "de-x-icu"')]
    follow_sql(database.dsn, found[1])
    database.execute("DROP INDEX other")
    look(database).well("column-collation")
    assert database.query("SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attname = 'b ä'"
                          " AND attrelid = 't'::regclass") == [("character varying(9)",)]


def test_more_of_them_than_are_shown(database: Database) -> None:
    columns = ", ".join(f'c{number} text COLLATE "de-x-icu"' for number in range(25))
    database.execute(f"CREATE TABLE t ({columns})")
    found = look(database).of("column-collation")
    assert len(found) == 21 and found[-1]["what"].startswith("5 more")


def test_a_collation_that_has_changed(database: Database, other_database: Callable[[str], Database]) -> None:
    """What an upgrade of the operating system does to the recorded versions."""
    database.execute("CREATE TABLE t (v text COLLATE \"de-x-icu\"); CREATE UNIQUE INDEX i ON t (v);"
                     "UPDATE pg_collation SET collversion = '1' WHERE collname = 'de-x-icu'")
    finding = look(database).one("collation-version", "error", "de-x-icu", "1")
    follow_sql(database.dsn, finding)
    look(database).well("collation-version")
    whole = other_database("ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'de'")
    whole.execute(f"UPDATE pg_database SET datcollversion = '1' WHERE datname = '{whole.name}'")
    finding = look(whole).one("collation-version", "error", whole.name)
    follow_sql(whole.dsn, finding)
    look(whole).well("collation-version")
