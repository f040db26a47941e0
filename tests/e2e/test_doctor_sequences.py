"""valise doctor on sequences that are behind, beyond or near the end of what their columns hold."""
from __future__ import annotations

import contextlib

import psycopg2
import pytest

import programs
from conftest import Database
from doctor import Findings, commands, follow_sql, look


SEQUENCES = """
    CREATE SCHEMA "other ä";
    CREATE TABLE "Owned" (id serial, v text); INSERT INTO "Owned" VALUES (41, 'x');
    CREATE TABLE "other ä"."i'd" (id bigint GENERATED ALWAYS AS IDENTITY);
    INSERT INTO "other ä"."i'd" OVERRIDING SYSTEM VALUE VALUES (7);
    CREATE SEQUENCE shared; CREATE TABLE by_default (id bigint DEFAULT nextval('shared')); INSERT INTO by_default VALUES (9), (8);
    CREATE SEQUENCE down INCREMENT -1; CREATE TABLE downwards (id integer DEFAULT nextval('down')); INSERT INTO downwards VALUES (-5);
    CREATE TABLE fine (id serial); INSERT INTO fine SELECT nextval('fine_id_seq') FROM generate_series(1, 3);
    CREATE TABLE empty (id serial);
    CREATE TABLE numeric_one (id numeric); CREATE SEQUENCE numeric_seq OWNED BY numeric_one.id; INSERT INTO numeric_one VALUES (12);
"""


def behind(found: Findings) -> set[str]:
    return {each["what"].split(" stands")[0].removeprefix("sequence ") for each in found.of("sequence-behind")}


EXPECTED = {'"public"."Owned_id_seq"', '"other ä"."i\'d_id_seq"', '"public"."shared"', '"public"."down"', '"public"."numeric_seq"'}


def values(database: Database) -> list[object]:
    sequences = ['"Owned_id_seq"', '"other ä"."i\'d_id_seq"', "shared", "down", "fine_id_seq", "empty_id_seq", "numeric_seq"]
    return [database.query(f"SELECT last_value, is_called FROM {name}")[0] for name in sequences]


RIGHT = [(41, True), (7, True), (9, True), (-5, True), (3, True), (1, False), (12, True)]


@pytest.mark.parametrize("way", ["--fix", "as printed"])
def test_sequences_behind(database: Database, way: str) -> None:
    database.execute(SEQUENCES)
    found = look(database)
    assert behind(found) == EXPECTED
    assert all(each["fix"] == "sequences" and each["severity"] == "error" for each in found.of("sequence-behind"))
    if way == "--fix":
        fixed = look(database, "--fix", "sequences")
        assert sorted(fixed.report["fixed"]) == sorted(line for each in found.of("sequence-behind") for line in commands(each, "sql"))
        fixed.well("sequences")
    else:
        for each in found.of("sequence-behind"):
            follow_sql(database.dsn, each)
    look(database).well("sequences")
    assert values(database) == RIGHT
    # forward only: a sequence that is ahead stays there, also when what was printed before is followed now
    database.execute("""SELECT setval('"Owned_id_seq"', 1000), setval('down', -1000)""")
    for each in found.of("sequence-behind"):
        follow_sql(database.dsn, each)
    look(database, "--fix", "sequences").well("sequences")
    assert values(database)[0] == (1000, True) and values(database)[3] == (-1000, True)
    assert look(database, "--fix", "sequences").report["fixed"] == []


def test_nobody_may_work_while_sequences_are_set(database: Database) -> None:
    database.execute(SEQUENCES)
    with contextlib.closing(psycopg2.connect(database.dsn)):
        Findings("--dsn", database.dsn).one("sessions", "notice", "1 other")
        programs.fail(programs.REFUSED, ["other sessions", "stop"], programs.VALISE, "doctor", "--dsn", database.dsn, "--fix", "sequences")
    assert behind(look(database)) == EXPECTED


def test_a_sequence_that_cannot_reach(database: Database) -> None:
    database.execute("CREATE TABLE t (id bigint); CREATE SEQUENCE s MAXVALUE 10 OWNED BY t.id; INSERT INTO t VALUES (11)")
    finding = look(database).one("sequence-behind", "error", "11")
    assert commands(finding, "sql") == [] and "ALTER SEQUENCE" in commands(finding, "words")[0]
    look(database, "--fix", "sequences").one("sequence-behind", "error")
    database.execute("ALTER SEQUENCE s NO MAXVALUE")
    look(database, "--fix", "sequences").well("sequences")


def test_a_sequence_that_begins_anew(database: Database) -> None:
    """With CYCLE it is behind by right; nobody moves it unasked."""
    database.execute("CREATE TABLE t (id integer); CREATE SEQUENCE s MAXVALUE 100 CYCLE OWNED BY t.id; INSERT INTO t VALUES (99); SELECT setval('s', 3)")
    finding = look(database).one("sequence-cycle", "notice", "99", "CYCLE")
    assert look(database, "--fix", "sequences").report["fixed"] == []
    assert database.query("SELECT last_value FROM s") == [(3,)]
    follow_sql(database.dsn, finding)
    look(database).well("sequences")
    database.execute("SELECT setval('s', 100)")
    look(database).well("sequences")   # at its end, which is none


def test_a_column_that_holds_more_than_a_sequence(database: Database) -> None:
    """A numeric key may be beyond bigint, and is no reason to look at no other."""
    database.execute("""CREATE TABLE big (id numeric); CREATE SEQUENCE s OWNED BY big.id;
        INSERT INTO big VALUES (1e30), (-1e30), ('NaN'), (NULL), (41), (9223372036854775807.4); CREATE TABLE t (id serial); INSERT INTO t VALUES (7)""")
    found = look(database)
    assert behind(found) == {'"public"."s"', '"public"."t_id_seq"'} and not found.of("not-examined")
    look(database, "--fix", "sequences").well("sequences")
    assert database.query("SELECT last_value FROM s") == [(41,)]


def test_a_sequence_that_cannot_be_looked_at(database: Database) -> None:
    """One that fails is said to be unknown; the others are looked at."""
    database.execute("""CREATE TABLE a (id serial); CREATE TABLE b (id serial); INSERT INTO a VALUES (5); INSERT INTO b VALUES (5);
        CREATE ROLE looker LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO looker; GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO looker;
        ALTER TABLE a ENABLE ROW LEVEL SECURITY; ALTER ROLE looker SET row_security = off""")
    try:
        found = Findings("--dsn", database.dsn.replace("user=postgres", "user=looker"))
        assert "row-level security" in found.one("sequence-unknown", "notice")["what"] and behind(found) == {'"public"."b_id_seq"'}
    finally:
        database.settle()
        database.execute("DROP OWNED BY looker; DROP ROLE looker")


def test_a_sequence_near_its_end(database: Database) -> None:
    database.execute("CREATE TABLE t (id serial); SELECT setval('t_id_seq', 2000000000)")
    look(database).one("sequence-near-end", "warning", "2000000000", "2147483647")
    database.execute("ALTER TABLE t ALTER COLUMN id TYPE bigint; ALTER SEQUENCE t_id_seq AS bigint NO MAXVALUE")
    look(database).well("sequences")
