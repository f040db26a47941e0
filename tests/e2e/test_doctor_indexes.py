"""valise doctor on damaged indexes and the duplicates behind them."""
from __future__ import annotations

import contextlib
import json
from collections.abc import Callable

import psycopg2
import pytest

import programs
from conftest import Database
from doctor import Findings, commands, follow_sql, look


DAMAGE = """
    UPDATE pg_index SET indisready = {} WHERE indexrelid = '{}'::regclass
"""


def behind_its_back(database: Database, index: str, statement: str) -> None:
    """Rows that a unique index does not get to see, as when the sort order has changed under it."""
    database.execute(DAMAGE.format("false", index))
    database.execute(statement)
    database.execute(DAMAGE.format("true", index))


@pytest.mark.parametrize("is_deep", [False, True])
def test_duplicates_behind_a_damaged_index(other_database: Callable[[str], Database], is_deep: bool) -> None:
    database = other_database("ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'")
    database.execute("""
        CREATE TABLE "we""ird" ("a b" text, n integer, rest text);
        CREATE UNIQUE INDEX "in""dex" ON "we""ird" ("a b", lower(rest)) WHERE n > 0;
        INSERT INTO "we""ird" SELECT 'key ' || g, 1, 'x' FROM generate_series(1, 100) AS g;
        INSERT INTO "we""ird" VALUES ('not in it', 0, 'x'), ('not in it', 0, 'x'), (NULL, 1, 'x'), (NULL, 1, 'x');
        CREATE TABLE numbers (id bigint PRIMARY KEY); INSERT INTO numbers SELECT generate_series(1, 10)""")
    behind_its_back(database, '"in""dex"', """INSERT INTO "we""ird" VALUES ('key 7', 1, 'x'), ('key 7', 1, 'x'), ('key 9', 1, 'X')""")
    behind_its_back(database, "numbers_pkey", "INSERT INTO numbers VALUES (3)")
    found = look(database, *(["--deep"] if is_deep else []))
    texts = [each for each in found.of("duplicate-rows") if "ird" in each["what"]]
    assert len(found.of("duplicate-rows")) == (2 if is_deep else 1), "numbers do not depend on a collation"
    assert '2 keys' in texts[0]["what"] and '("key 7",x) 3 times' in texts[0]["what"] and '("key 9",x) 2 times' in texts[0]["what"]
    with pytest.raises(psycopg2.errors.UniqueViolation):
        database.execute('REINDEX INDEX "in""dex"')
    # equal rows go by what is printed; for rows that differ a person decides
    statements = commands(texts[0], "sql")
    assert [line.split()[0] for line in statements] == ["DELETE", "SELECT", "REINDEX"]
    database.execute(statements[0])
    rows = database.query(statements[1])
    assert [row[1:] for row in rows] == [("key 9", 1, "x"), ("key 9", 1, "X")]
    database.execute(f"""DELETE FROM ONLY "we""ird" WHERE ctid = '{rows[1][0]}'""")
    database.execute(statements[2])
    if is_deep:
        follow_sql(database.dsn, next(each for each in found.of("duplicate-rows") if "numbers" in each["what"]))
    look(database, *(["--deep"] if is_deep else [])).well("duplicate-rows")
    assert database.query('SELECT count(*) FROM "we""ird"') == [(104,)]


def test_duplicates_in_the_order_of_icu(other_database: Callable[[str], Database]) -> None:
    """By the names of its collation such a database sorts like C, but it does not."""
    database = other_database("ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'und'")
    database.execute("CREATE TABLE t (v text); CREATE UNIQUE INDEX i ON t (v); INSERT INTO t VALUES ('a')")
    behind_its_back(database, "i", "INSERT INTO t VALUES ('a')")
    look(database).one("duplicate-rows", "error", "1 keys")


def test_nulls_not_distinct(database: Database) -> None:
    database.execute("CREATE TABLE t (v text); CREATE UNIQUE INDEX i ON t (v) NULLS NOT DISTINCT; INSERT INTO t VALUES (NULL)")
    behind_its_back(database, "i", "INSERT INTO t VALUES (NULL)")
    look(database, "--deep").one("duplicate-rows", "error", "1 keys")


def test_many_duplicates(database: Database) -> None:
    database.execute("CREATE TABLE t (v integer PRIMARY KEY)")
    behind_its_back(database, "t_pkey", "INSERT INTO t SELECT g % 5000 FROM generate_series(1, 20000) AS g")
    finding = look(database, "--deep").one("duplicate-rows", "error", "5000 keys", " and 4990 more")
    assert len(finding["what"]) < 1000 and len(finding["mend"]) < 40
    with contextlib.closing(psycopg2.connect(database.dsn)) as connection, connection.cursor() as cursor:
        for statement in commands(finding, "sql")[10:-1]:
            cursor.execute(statement)
        assert len(cursor.fetchall()) == 5000, "what is printed shows all of them"
    database.settle()


def test_many_rows_of_one_key(database: Database) -> None:
    """A list of places that was cut says so, and following it again and again gets to the end."""
    database.execute("CREATE TABLE t (v integer PRIMARY KEY)")
    behind_its_back(database, "t_pkey", "INSERT INTO t SELECT 1 FROM generate_series(1, 50)")
    left = 50
    while left > 1:
        finding = look(database, "--deep").one("duplicate-rows", "error", f"(1) {left} times")
        assert (f"20 of {left} rows" in commands(finding, "words")[0]) == (left > 20)
        database.execute(commands(finding, "sql")[0])
        left = max(left - 19, 1)
        assert database.query("SELECT count(*) FROM t") == [(left,)]
    follow_sql(database.dsn, {"mend": finding["mend"][-1:]})
    look(database, "--deep").well("duplicate-rows")


def test_no_function_of_others_is_run(database: Database) -> None:
    """Whoever looks may be the superuser, and whoever made the index then became it."""
    database.execute("""CREATE ROLE mallory LOGIN; GRANT ALL ON SCHEMA public TO mallory; SET ROLE mallory;
        CREATE TABLE t (v integer); INSERT INTO t VALUES (1);
        CREATE FUNCTION f(v integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS
            $$ BEGIN IF current_user <> 'mallory' THEN RAISE 'run as %', current_user; END IF; RETURN v; END $$;
        CREATE OPERATOR @#@ (FUNCTION = f, RIGHTARG = integer);
        CREATE DOMAIN d AS integer CHECK (f(VALUE) > 0);
        CREATE UNIQUE INDEX by_function ON t (f(v)); CREATE UNIQUE INDEX by_operator ON t ((@#@v));
        CREATE UNIQUE INDEX by_type ON t ((v::d)); CREATE UNIQUE INDEX plain ON t (v)""")
    try:
        unknown = [each["what"] for each in look(database, "--deep").of("duplicates-unknown")]
        assert len(unknown) == 3 and all("rights of role" in what and '"postgres"' in what for what in unknown), unknown
        assert sum("function public.f(integer)" in what for what in unknown) == 2 and sum("type public.d" in what for what in unknown) == 1
        found = Findings("--dsn", database.dsn.replace("user=postgres", "user=mallory"), "--deep")
        found.well("duplicate-rows")
    finally:
        database.settle()
        database.execute("DROP OWNED BY mallory CASCADE; DROP ROLE mallory")


def test_progress(database: Database) -> None:
    """It can take hours, and says how far it is."""
    database.execute("CREATE TABLE t (a integer UNIQUE, b integer UNIQUE); INSERT INTO t SELECT g, g FROM generate_series(1, 1000) AS g")
    done = programs.run(programs.VALISE, "doctor", "--dsn", database.dsn, "--deep", "--json", "--progress=json")
    events = [json.loads(line) for line in done.error.splitlines()]
    assert json.loads(done.out)["connected"] and events[-1]["event"] == "result" and events[-1]["exit_status"] == done.status
    ended = {event["table"] for event in events if event["event"] == "table" and event["state"] == "end" and event["phase"] == "check"}
    assert ended == {'"public"."t_a_key"', '"public"."t_b_key"'}


def test_an_index_that_lacks_rows(database: Database) -> None:
    """Found by PostgreSQL's own amcheck."""
    database.execute("CREATE TABLE t (v integer); CREATE INDEX i ON t (v); INSERT INTO t VALUES (1)")
    behind_its_back(database, "i", "INSERT INTO t VALUES (2)")
    finding = look(database, "--deep").one("amcheck-missing", "notice")
    try:
        follow_sql(database.dsn, finding)
    except psycopg2.Error as error:
        pytest.skip(f"no amcheck: {error}")
    finding = look(database, "--deep").one("index-damaged", "error", '"public"."i"')
    follow_sql(database.dsn, finding)
    look(database, "--deep").well("index-damaged")
