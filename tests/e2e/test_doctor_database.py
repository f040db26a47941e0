"""valise doctor's findings about a database: each made for real, and mended by following what it prints."""
from __future__ import annotations

import contextlib
import json
import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import psycopg2.extensions
import pytest

import programs
from conftest import Database, Server
from doctor import Findings, commands, follow_shell, follow_sql
from test_replay_refusals import config_for


@pytest.fixture
def other(postgres: Server) -> Iterator[object]:
    """Databases of other kinds; all that a test made goes away."""
    made: list[str] = []

    def create(options: str) -> Database:
        made.append(postgres.create(options + " TEMPLATE template0"))
        return Database(postgres, made[-1])
    yield create
    for name in made:
        for each in (name, f"{name}_old", f"{name}_new"):
            postgres.drop(each)


def look(database: Database, *options: str) -> Findings:
    database.settle()
    return Findings("--dsn", database.dsn, *options)


def test_a_database_that_is_well(database: Database) -> None:
    database.execute("CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text UNIQUE);"
                     "INSERT INTO t (v) SELECT g::text FROM generate_series(1, 100) AS g; ANALYZE")
    found = look(database, "--deep")
    for name in ("server-version", "writable", "encoding", "collation", "ctype", "collation-version", "column-collation",
                 "duplicate-rows", "sequences", "index-invalid", "constraint-not-valid", "table-unlogged", "trigger-disabled",
                 "replay-unfinished", "prepared-transaction", "replication-slot", "wraparound", "statistics-missing",
                 "dead-rows", "sessions", "connections"):
        found.well(name)
    assert [each["name"] for each in found.all if each["severity"] == "error"] == ["setting-fsync"]   # of the throwaway server


def test_an_empty_database(database: Database) -> None:
    look(database, "--deep").well("sequences")


# ----------------------------------------------------------------------------- encoding and collation


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
def test_a_wrong_locale(other: object, tmp_path: Path, options: str, name: str, words: list[str]) -> None:
    database = other(options)
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


def test_a_wrong_locale_that_is_allowed(other: object, tmp_path: Path) -> None:
    database = other("ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C'")
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


def test_a_collation_that_has_changed(database: Database, other: object) -> None:
    """What an upgrade of the operating system does to the recorded versions."""
    database.execute("CREATE TABLE t (v text COLLATE \"de-x-icu\"); CREATE UNIQUE INDEX i ON t (v);"
                     "UPDATE pg_collation SET collversion = '1' WHERE collname = 'de-x-icu'")
    finding = look(database).one("collation-version", "error", "de-x-icu", "1")
    follow_sql(database.dsn, finding)
    look(database).well("collation-version")
    whole = other("ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'de'")
    whole.execute(f"UPDATE pg_database SET datcollversion = '1' WHERE datname = '{whole.name}'")
    finding = look(whole).one("collation-version", "error", whole.name)
    follow_sql(whole.dsn, finding)
    look(whole).well("collation-version")


# ------------------------------------------------------------------------------------ damaged indexes


DAMAGE = """
    UPDATE pg_index SET indisready = {} WHERE indexrelid = '{}'::regclass
"""


def behind_its_back(database: Database, index: str, statement: str) -> None:
    """Rows that a unique index does not get to see, as when the sort order has changed under it."""
    database.execute(DAMAGE.format("false", index))
    database.execute(statement)
    database.execute(DAMAGE.format("true", index))


@pytest.mark.parametrize("is_deep", [False, True])
def test_duplicates_behind_a_damaged_index(other: object, is_deep: bool) -> None:
    database = other("ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'")
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


def test_duplicates_in_the_order_of_icu(other: object) -> None:
    """By the names of its collation such a database sorts like C, but it does not."""
    database = other("ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'und'")
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
        assert sum("function f(integer)" in what for what in unknown) == 2 and sum("type d" in what for what in unknown) == 1
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


# ---------------------------------------------------------------------------------------- sequences


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


# ------------------------------------------------------------------------------------ what is in the schema


def test_an_invalid_index(database: Database) -> None:
    database.execute("CREATE TABLE t (a integer, b integer); INSERT INTO t VALUES (1, 1), (1, 2)")
    for statement in ("CREATE UNIQUE INDEX CONCURRENTLY bad ON t (a)",):
        with pytest.raises(psycopg2.errors.UniqueViolation):
            database.execute(statement)
    finding = look(database).one("index-invalid", "error", '"public"."bad"')
    database.execute("DELETE FROM t WHERE b = 2")
    follow_sql(database.dsn, finding)
    look(database).well("index-invalid")


def test_what_a_concurrent_reindex_leaves(database: Database) -> None:
    database.execute("CREATE TABLE t (a text); INSERT INTO t VALUES ('x'); CREATE INDEX i ON t (a)")
    with contextlib.closing(psycopg2.connect(database.dsn)) as reader, reader.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM t")   # an open transaction that it must wait for
        with contextlib.closing(database.server.connect(database.name)) as worker, worker.cursor() as reindex:
            reindex.execute("SET lock_timeout = '200ms'")
            with pytest.raises(psycopg2.errors.LockNotAvailable):
                reindex.execute("REINDEX INDEX CONCURRENTLY i")
    finding = look(database).one("index-invalid", "warning", "_cc")
    follow_sql(database.dsn, finding)
    look(database).well("index-invalid")


def test_a_constraint_that_is_not_valid(database: Database) -> None:
    database.execute("""CREATE TABLE p (id integer PRIMARY KEY); CREATE TABLE "c ä" (p integer);
        ALTER TABLE "c ä" ADD CONSTRAINT "f k" FOREIGN KEY (p) REFERENCES p NOT VALID""")
    follow_sql(database.dsn, look(database).one("constraint-not-valid", "notice", "f k", "c ä"))
    look(database).well("constraint-not-valid")


def test_an_unlogged_table(database: Database) -> None:
    database.execute("CREATE UNLOGGED TABLE u (a integer)")
    follow_sql(database.dsn, look(database).one("table-unlogged", "warning", '"u"'))
    look(database).well("table-unlogged")


def test_disabled_triggers(database: Database) -> None:
    database.execute("""CREATE TABLE p (id integer PRIMARY KEY); CREATE TABLE c (p integer REFERENCES p);
        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER "my trigger" BEFORE INSERT ON p FOR EACH ROW EXECUTE PROCEDURE f();
        ALTER TABLE p DISABLE TRIGGER USER; ALTER TABLE c DISABLE TRIGGER ALL""")
    found = {each["severity"]: each for each in look(database).of("trigger-disabled")}
    assert "my trigger" in found["warning"]["what"] and "c_p_fkey" in found["error"]["what"]
    for each in found.values():
        follow_sql(database.dsn, each)
    look(database).well("trigger-disabled")


# ------------------------------------------------------------------------------------------- upkeep


def test_tables_never_analysed(database: Database) -> None:
    database.execute("CREATE TABLE t WITH (autovacuum_enabled = off) AS SELECT generate_series(1, 10000) AS a; CREATE TABLE empty (a integer);"
                     "CREATE TABLE small AS SELECT 1 AS a")
    finding = look(database).one("statistics-missing", "warning", "1 tables", "public.t")
    assert finding["fix"] == "analyze"
    fixed = look(database, "--fix", "analyze")
    assert fixed.report["fixed"] == ["ANALYZE;"]
    fixed.well("statistics-missing")


def test_dead_rows(database: Database) -> None:
    database.execute("CREATE TABLE t WITH (autovacuum_enabled = off) AS SELECT generate_series(1, 20000) AS a")
    database.execute("DELETE FROM t WHERE a > 5")
    deadline = time.monotonic() + 30
    while not any(each["severity"] == "notice" for each in look(database).of("dead-rows")):   # counted a moment later
        assert time.monotonic() < deadline
        time.sleep(0.2)
    follow_sql(database.dsn, look(database).one("dead-rows", "notice", '"public"."t"'))
    deadline = time.monotonic() + 30
    while any(each["severity"] == "notice" for each in look(database).of("dead-rows")):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_many_tables(database: Database) -> None:
    """A list that is cut says how much is missing."""
    database.execute("DO $$ BEGIN FOR i IN 1..13 LOOP EXECUTE 'CREATE TABLE t' || i || ' WITH (autovacuum_enabled = off)"
                     " AS SELECT generate_series(1, 11000) AS a'; END LOOP; END $$")
    look(database).one("statistics-missing", "warning", "13 tables", " and 3 more")
    database.execute("DO $$ BEGIN FOR i IN 1..13 LOOP EXECUTE 'DELETE FROM t' || i; END LOOP; END $$")
    deadline = time.monotonic() + 30
    while len(found := look(database).of("dead-rows")) != 11:   # counted a moment later
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    assert found[-1]["what"].startswith("3 more tables")


# ------------------------------------------------------------------------------------------- replays


def test_a_replay_that_is_not_finished(database: Database) -> None:
    """The ledger as a killed replay leaves it; test_interruptions.py makes such ones for real."""
    database.execute("""CREATE SCHEMA valise; CREATE TABLE valise.ledger (version integer); INSERT INTO valise.ledger VALUES (1);
        CREATE TABLE valise.replay (id bigserial, phase text, dump text);
        CREATE TABLE valise.rejects (replay bigint, table_name text, reason text, row_bytes bytea);
        INSERT INTO valise.replay (phase, dump) VALUES ('done', 'a.valise'), ('load', 'b.valise');
        INSERT INTO valise.rejects VALUES (1, 'events', 'x', '')""")
    found = look(database)
    finding = found.one("replay-unfinished", "error", "b.valise", "load")
    for part in (f"dbname='{database.name}'", f"host='{database.server.folder}'", f"port='{database.server.port}'", "user='postgres'"):
        assert part in shlex.split(commands(finding, "shell")[0])[2], "the same server, not a default"
    found.one("rejected-rows", "warning", "1 rows", "events")
    database.execute("CREATE ROLE looker LOGIN")
    with_less = Findings("--dsn", database.dsn.replace("user=postgres", "user=looker"))
    with_less.one("ledger-unknown", "notice")
    database.execute("UPDATE valise.replay SET phase = 'done'; DELETE FROM valise.rejects; DROP ROLE looker")
    look(database).well("replay-unfinished")
    database.execute("DROP TABLE valise.replay")
    look(database).one("ledger-foreign", "warning")


# --------------------------------------------------------------------------------------- profiles


def profile_file(folder: Path, text: str) -> str:
    path = folder / "profile.yaml"
    path.write_text("profile: x\ntitle: X\nformat: 1\nrecognise: [t]\n" + text)
    return str(path)


def test_no_application(database: Database) -> None:
    database.execute("CREATE TABLE t (a integer)")
    finding = look(database).one("profile", "notice", "no application")
    assert finding["mend"] == []


def test_a_requirement_of_a_profile(database: Database, tmp_path: Path) -> None:
    database.execute("CREATE TABLE t (a integer); INSERT INTO t SELECT generate_series(1, 8)")
    path = profile_file(tmp_path, "requirements:\n  - {name: rows in t, sql: 'SELECT a::text FROM t ORDER BY a', hint: delete them}\n")
    finding = look(database, "--profile", path).one("requirement", "error", "rows in t: 1, 2, 3, 4, 5 and 3 more")
    assert commands(finding, "words") == ["delete them"]
    database.execute("DELETE FROM t")
    look(database, "--profile", path).well("requirement")


def test_a_profile_that_fails(database: Database, tmp_path: Path) -> None:
    """What it asks for is not there; the rest is looked at."""
    database.execute("CREATE TABLE t (id serial); INSERT INTO t VALUES (7)")
    path = profile_file(tmp_path, "checks:\n  - {name: all is well, sql: 'SELECT 1 FROM gone'}\n")
    found = look(database, "--profile", path)
    found.one("not-examined", "warning", "the application", "gone")
    assert behind(found) == {'"public"."t_id_seq"'} and found.of("dead-rows")


# ------------------------------------------------------------------------------------ rights, names, fixes


def test_a_catalog_that_may_not_be_read(database: Database) -> None:
    """As administrators of shared servers do; the other families are looked at."""
    database.execute("CREATE ROLE looker LOGIN; REVOKE SELECT ON pg_index FROM PUBLIC; CREATE UNLOGGED TABLE u (a integer)")
    try:
        found = Findings("--dsn", database.dsn.replace("user=postgres", "user=looker"))
        unseen = found.of("not-examined")
        assert len(unseen) > 1 and all(each["severity"] == "warning" and "pg_index" in each["what"] for each in unseen), unseen
        found.well("encoding")
        found.well("dead-rows")
    finally:
        database.settle()
        database.execute("DROP ROLE looker")


def test_a_role_with_few_rights(database: Database) -> None:
    database.execute(SEQUENCES + """CREATE ROLE "a %s ""role" LOGIN; REVOKE ALL ON SCHEMA public FROM PUBLIC""")
    dsn = psycopg2.extensions.make_dsn(database.dsn, user='a %s "role')
    database.settle()
    try:
        found = Findings("--dsn", dsn, "--deep")
        assert found.of("sequence-unknown") and not found.of("not-examined"), str(found.done)
        found.one("disk-unknown", "notice")
        done = programs.run(programs.VALISE, "doctor", "--dsn", dsn, "--fix", "sequences")
        assert done.status == programs.REFUSED   # of the server's fsync; there was nothing that it might set
    finally:
        database.settle()
        database.execute("""DROP ROLE "a %s ""role" """)


def test_hostile_names(postgres: Server) -> None:
    name = "we\"ird 'n'\näme\\"
    quoted = '"' + name.replace('"', '""') + '"'
    postgres.execute("postgres", f"CREATE DATABASE {quoted} TEMPLATE template0")
    try:
        dsn = psycopg2.extensions.make_dsn(postgres.dsn("x"), dbname=name)
        with contextlib.closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE SCHEMA {quoted}; CREATE TABLE {quoted}.{quoted} ({quoted} serial, v text UNIQUE);"
                           f"INSERT INTO {quoted}.{quoted} VALUES (5, 'x'); CREATE UNLOGGED TABLE {quoted} (a integer)")
        found = Findings("--dsn", dsn, "--deep")
        for each in [*found.of("sequence-behind"), *found.of("table-unlogged")]:
            follow_sql(dsn, each)
        after = Findings("--dsn", dsn, "--deep")
        for well in ("sequences", "table-unlogged", "duplicate-rows"):
            after.well(well)
        text = programs.run(programs.VALISE, "doctor", "--dsn", dsn)
        assert all(line.isprintable() for line in text.out.splitlines()), text
    finally:
        postgres.execute("postgres", f"DROP DATABASE {quoted} WITH (FORCE)")


def test_only_what_is_safe_is_fixed(database: Database) -> None:
    database.execute("CREATE UNLOGGED TABLE u (a integer)")
    database.execute(SEQUENCES)
    before = database.contents()
    doctor = programs.VALISE, "doctor", "--dsn", database.dsn
    programs.fail(programs.REFUSED, ["by hand", "nothing was changed", "SET LOGGED"], *doctor, "--fix", "sequences", "--fix", "table-unlogged")
    programs.fail(programs.USAGE, ["sequences"], *doctor, "--fix", "sequence-behind")
    programs.fail(programs.USAGE, ["nothing of that name", "analyze, sequences"], *doctor, "--fix", "nonsense")
    database.settle()
    assert database.contents() == before


def test_looking_writes_nothing(database: Database) -> None:
    database.execute(SEQUENCES)
    before = database.contents()
    look(database, "--deep")
    assert database.contents() == before


def test_create(postgres: Server) -> None:
    dsn = postgres.dsn("by_doctor")
    try:
        assert "is made" in programs.succeed(programs.VALISE, "doctor", "--create", "--dsn", dsn).out
        assert "exists already" in programs.succeed(programs.VALISE, "doctor", "--create", "--dsn", dsn).out
        Findings("--dsn", dsn).well("collation")
    finally:
        postgres.drop("by_doctor")


def test_ctrl_c(other: object) -> None:
    """Between two queries or in one, it ends at once, as stopped."""
    database = other("ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'")
    database.execute("CREATE TABLE t (v text UNIQUE); INSERT INTO t VALUES ('x')")
    database.settle()
    with contextlib.closing(psycopg2.connect(database.dsn)) as holder, holder.cursor() as cursor:
        cursor.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        process = subprocess.Popen([str(programs.VALISE), "doctor", "--dsn", database.dsn], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 30
        while True:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone() != (0,):
                break
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.02)
        process.terminate()
        out, error = process.communicate(timeout=60)
    assert process.returncode == programs.STOPPED, (out, error)
    assert out == "" and "stopped" in error
