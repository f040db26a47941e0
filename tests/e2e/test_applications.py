"""What applications that know both databases keep in SQLite, as they would have it in PostgreSQL."""
from __future__ import annotations

import contextlib
import random
import sqlite3
from pathlib import Path

import pytest

import programs
from conftest import Database
from test_hostile_databases import make

# Two seconds of a leap day, as frameworks write them; all of them in UTC.
MOMENT = "2024-02-29 23:59:58.125"
MOMENTS = {"Django, Rails": ("'2024-02-29 23:59:58.125000'", ""), "Go": ("'2024-02-29 23:59:58.125+00:00'", ""),
           "Go, elsewhere": ("'2024-03-01 01:59:58.125+02:00'", ""), "Go, as it prints": ("'2024-02-29 23:59:58.125 +0000 UTC'", ""),
           "ISO": ("'2024-02-29T23:59:58.125Z'", ""), "bytes": ("CAST('2024-02-29 23:59:58.125' AS BLOB)", ""),
           ".NET": ("'2024-02-29 23:59:58.1250000'", ""), "milliseconds": ("1709251198125", "milliseconds"),
           "milliseconds as text": ("'1709251198125'", "milliseconds"), "seconds and a part": ("1709251198.125", "seconds"),
           "microseconds": ("1709251198125000", "microseconds"), "nanoseconds": ("1709251198125000000", "nanoseconds")}


def only_value(database: Database, sql: str = "SELECT v::text FROM t") -> str:
    [(value,)] = database.query(sql)
    return str(value)


@pytest.mark.parametrize("form", MOMENTS)
def test_moments(database: Database, tmp_path: Path, form: str) -> None:
    value, unit = MOMENTS[form]
    dump = programs.dump(make(tmp_path / "s.db", f"CREATE TABLE t (v DATETIME); INSERT INTO t VALUES ({value})"), tmp_path / "d.valise")
    database.execute("CREATE TABLE t (v timestamptz)")
    if unit:
        programs.fail(programs.REFUSED, ["not said what it counts", "--unix-time t.v=seconds"], programs.REPLAY, "--dsn", database.dsn, dump)
    done = programs.replay(database.dsn, dump, *(["--unix-time", f"t.v={unit}"] if unit else []))
    assert only_value(database) == MOMENT + "+00" and "was compared" not in done.out


def test_the_unit_of_all_columns_and_of_one(database: Database, tmp_path: Path) -> None:
    """Numbers and texts in one column, as knex and Prisma leave them; a delta reads them likewise; the column beats what is said overall."""
    snapshot = make(tmp_path / "s.db", """CREATE TABLE t (id INTEGER PRIMARY KEY, created DATETIME DEFAULT CURRENT_TIMESTAMP, day DATE, old DATETIME);
        INSERT INTO t VALUES (1, 1709251198125, 1709164800000, 1709251198), (2, '2024-02-29 23:59:58.125', '2024-02-29', NULL)""")
    full = programs.dump(snapshot, tmp_path / "full.valise")
    database.execute("CREATE TABLE t (id int PRIMARY KEY, created timestamp(3) NOT NULL, day date, old timestamptz)")
    options = ["--unix-time=milliseconds", "--unix-time", "t.OLD=seconds"]
    programs.replay(database.dsn, full, *options)
    with contextlib.closing(sqlite3.connect(snapshot)) as source, source:
        source.execute("UPDATE t SET created = created + 1, old = 0 WHERE id = 1")
        source.execute("INSERT INTO t VALUES (3, 0, NULL, -1)")
    delta = programs.dump(snapshot, tmp_path / "delta.valise", "--base", str(full))
    database.settle()
    programs.fail(programs.REFUSED, ["not said what it counts", "id = 1"], programs.REPLAY, "--dsn", database.dsn, delta)
    programs.replay(database.dsn, delta, *options)
    assert database.query("SELECT id, created::text, day::text, old::text FROM t ORDER BY id") == [
        (1, "2024-02-29 23:59:58.126", "2024-02-29", "1970-01-01 00:00:00+00"), (2, MOMENT, "2024-02-29", None),
        (3, "1970-01-01 00:00:00", None, "1969-12-31 23:59:59+00")]
    programs.succeed(programs.REPLAY, "--dsn", database.dsn, "--verify=full", full, delta)     # what is read back needs no unit
    database.execute("UPDATE t SET created = created + interval '1 ms' WHERE id = 2")
    programs.fail(programs.MISMATCH, ['table "t"'], programs.REPLAY, "--dsn", database.dsn, "--verify=full", full, delta)


@pytest.mark.parametrize("rule", ["unix_time: milliseconds", "unix_time: seconds\ntables: {t: {unix_time: {v: milliseconds}}}"])
def test_the_unit_in_a_profile(database: Database, tmp_path: Path, rule: str) -> None:
    profile = tmp_path / "profile.yaml"
    profile.write_text(f"profile: p\ntitle: p\nformat: 1\n{rule}\n")
    dump = programs.dump(make(tmp_path / "s.db", "CREATE TABLE t (v); INSERT INTO t VALUES (1709251198125)"), tmp_path / "d.valise")
    database.execute("CREATE TABLE t (v timestamptz)")
    programs.replay(database.dsn, dump, "--profile", str(profile))
    assert only_value(database) == MOMENT + "+00"


def test_a_wrong_unit(database: Database, tmp_path: Path) -> None:
    """Milliseconds taken for seconds are far in the future; and a word that is no unit, or of no column."""
    dump = programs.dump(make(tmp_path / "s.db", "CREATE TABLE t (v); INSERT INTO t VALUES (1709251198125)"), tmp_path / "d.valise")
    database.execute("CREATE TABLE t (v timestamptz)")
    programs.fail(programs.REFUSED, ["out of range"], programs.REPLAY, "--dsn", database.dsn, "--unix-time=seconds", dump)
    for word in ["days", "v=seconds", "t.v=", "t.w=seconds"]:
        programs.fail(programs.USAGE, [f'--unix-time "{word}"'], programs.REPLAY, "--dsn", database.dsn, "--unix-time", word, dump)


def test_numbers_that_the_server_would_misread(database: Database, tmp_path: Path) -> None:
    """Seconds that end like a month and a day are a date of the year 170000 to the server."""
    dump = programs.dump(make(tmp_path / "s.db", "CREATE TABLE t (v, w, x); INSERT INTO t VALUES (1700001231, '170415', 20240229)"), tmp_path / "d.valise")
    database.execute("CREATE TABLE t (v timestamptz, w timestamp, x date)")
    programs.fail(programs.REFUSED, ["refused: 2 problems", "--unix-time t.v=", "--unix-time t.w="], programs.REPLAY, "--dsn", database.dsn, dump)


def some_text(dice: random.Random) -> str:
    text = f"{dice.choice([1, 99, 1582, 1969, 1999, 2000, 2024, 2100, 9999, 12024]):04}-{dice.randrange(1, 13):02}-{dice.randrange(1, 29):02}"
    if dice.random() < 0.9:
        text += dice.choice(" T") + f"{dice.randrange(24):02}:{dice.randrange(60):02}"
        text += dice.choice(["", f":{dice.randrange(61):02}" + dice.choice(["", f".{dice.randrange(10 ** 6):06}", f".{dice.randrange(1000):03}", ".999999",
                                                                                      f".{dice.randrange(10 ** 9):09}", f".{dice.randrange(10 ** 6):06}5"])])
        text += dice.choice(["", "Z", "+00", "-03:30", "+0545", "+01:00:30", " +02:00", " UTC"])
    return text


@pytest.mark.parametrize("kind", ["timestamptz", "timestamp(2)", "timestamptz(0)", "date", "timestamp"])
def test_as_the_server_reads_them(database: Database, tmp_path: Path, kind: str) -> None:
    """Texts of the ISO kind, also rounded, become what PostgreSQL itself makes of them."""
    dice = random.Random(kind)
    snapshot = make(tmp_path / "s.db", "CREATE TABLE t (v TEXT, w TEXT)")
    with contextlib.closing(sqlite3.connect(snapshot)) as source, source:
        source.executemany("INSERT INTO t VALUES (?1, ?1)", [(some_text(dice),) for _ in range(3000)])
    database.execute(f"CREATE TABLE t (v {kind}, w text)")
    dump = programs.dump(snapshot, tmp_path / "d.valise")
    done = programs.run(programs.REPLAY, "--dsn", database.dsn, "--on-bad-value=replace", dump)
    assert done.status in (0, programs.REJECTED), done
    assert database.query("SELECT count(*) FROM t") == [(3000,)]
    assert database.query(f"SET timezone = 'UTC'; SELECT v::text, w FROM t WHERE v <> w::{kind}") == []


def test_before_the_year_one(database: Database, tmp_path: Path) -> None:
    """In UTC it is the year before, which SQL writes otherwise; the server tries what has a CHECK by its text."""
    snapshot = make(tmp_path / "s.db", "CREATE TABLE t (d TEXT PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO t VALUES ('0001-01-01 00:00:00+02:00', 1), ('infinity', 2)")
    full = programs.dump(snapshot, tmp_path / "full.valise")
    database.execute("CREATE TABLE t (d timestamptz PRIMARY KEY, v int, CHECK (d > '0044-03-15 BC'))")
    programs.replay(database.dsn, full)
    with contextlib.closing(sqlite3.connect(snapshot)) as source, source:
        source.execute("UPDATE t SET v = v + 1")
    database.settle()
    programs.replay(database.dsn, programs.dump(snapshot, tmp_path / "delta.valise", "--base", str(full)))
    assert database.query("SELECT (d AT TIME ZONE 'UTC')::text, v FROM t ORDER BY d") == [("0001-12-31 22:00:00 BC", 2), ("infinity", 3)]


def test_booleans(database: Database, tmp_path: Path) -> None:
    snapshot = make(tmp_path / "s.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, v, w BOOLEAN);"
                    "INSERT INTO t VALUES (1, 't', 1), (2, 'f', 0), (3, 'TRUE', 't'), (4, 'false', 'f'), (5, '1', NULL), (6, 0, 1.0)")
    dump = programs.dump(snapshot, tmp_path / "d.valise")
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v boolean NOT NULL, w boolean)")
    programs.replay(database.dsn, dump)
    assert database.query("SELECT v, w FROM t ORDER BY id") == [(True, True), (False, False), (True, True), (False, False), (True, None), (False, True)]


def test_a_key_that_booleans_break(database: Database, tmp_path: Path) -> None:
    snapshot = make(tmp_path / "s.db", "CREATE TABLE t (v TEXT UNIQUE, w TEXT UNIQUE);"
                    "INSERT INTO t VALUES ('t', '2024-02-29'), ('true', '2024-02-29T00:00Z')")
    dump = programs.dump(snapshot, tmp_path / "d.valise")
    database.execute("CREATE TABLE t (v boolean UNIQUE, w timestamptz UNIQUE)")
    programs.fail(programs.REFUSED, ['"t_v_key"', '"t_w_key"', "same values"], programs.REPLAY, "--dsn", database.dsn, dump)


def test_json_as_bytes(database: Database, tmp_path: Path) -> None:
    """Go's drivers keep bytes as BLOB; SQLite's own binary JSON is not taken for text."""
    snapshot = make(tmp_path / "s.db", """CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB, w BLOB);
        INSERT INTO t VALUES (1, CAST('{"a": [1, null]}' AS BLOB), CAST('"x"' AS BLOB)), (2, CAST('null' AS BLOB), NULL)""")
    dump = programs.dump(snapshot, tmp_path / "d.valise")
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v jsonb, w json)")
    programs.replay(database.dsn, dump)
    assert database.query("SELECT v::text, w::text FROM t ORDER BY id") == [('{"a": [1, null]}', '"x"'), ("null", None)]
    dump = programs.dump(make(tmp_path / "s2.db", "CREATE TABLE u (v); INSERT INTO u VALUES (x'3123'), (x'33313233')"), tmp_path / "d2.valise")
    database.execute("DROP SCHEMA valise CASCADE; DROP TABLE t; CREATE TABLE u (v jsonb)")
    programs.fail(programs.REFUSED, ["values like this: 2"], programs.REPLAY, "--dsn", database.dsn, dump)


DEAD = """CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, dead TEXT, "it's" TEXT, empty TEXT); CREATE TABLE gone (v); CREATE TABLE kept (v);
    INSERT INTO t VALUES (1, 'a', 'x', 'y', NULL), (2, 'b', NULL, 'z', NULL); INSERT INTO gone VALUES (1); INSERT INTO kept VALUES (1)"""


def test_what_the_target_lacks(database: Database, tmp_path: Path) -> None:
    """Dead columns and tables are left out if that is said, of a full dump and of a delta; of a full dump those that hold only NULL by themselves."""
    snapshot = make(tmp_path / "s.db", DEAD)
    full = programs.dump(snapshot, tmp_path / "full.valise")
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE kept (v int)")
    done = programs.fail(programs.REFUSED, ["refused: 3 problems", "--allow-missing t.dead", "--allow-missing 't.it", "--allow-missing gone"],
                         programs.REPLAY, "--dsn", database.dsn, full)
    assert '"empty"' not in done.error
    options = ["--allow-missing=T.dead", "--allow-missing=t.it's", "--allow-missing=gone"]
    done = programs.replay(database.dsn, full, *options)
    assert all(f'column "{name}" of the dump does not exist in the target' in done.out for name in ["dead", "it's", "empty"])
    assert 'table "gone" has 1 row' in done.out and database.query("SELECT * FROM t ORDER BY id") == [(1, "a"), (2, "b")]
    with contextlib.closing(sqlite3.connect(snapshot)) as source, source:
        source.executescript("UPDATE t SET dead = 'new'; INSERT INTO t VALUES (3, 'c', 'x', 'y', NULL); INSERT INTO gone VALUES (2)")
    delta = programs.dump(snapshot, tmp_path / "delta.valise", "--base", str(full))
    database.settle()
    programs.fail(programs.REFUSED, ["--allow-missing t.dead", "--allow-missing t.empty"], programs.REPLAY, "--dsn", database.dsn, delta)
    options.append("--allow-missing=t.empty")   # a delta knows nothing of the rows that it does not change
    programs.replay(database.dsn, delta, *options)
    assert database.query("SELECT * FROM t ORDER BY id") == [(1, "a"), (2, "b"), (3, "c")]
    programs.succeed(programs.REPLAY, "--dsn", database.dsn, "--verify=full", *options, full, delta)


def test_what_was_left_out_comes_later(database: Database, tmp_path: Path) -> None:
    """A column, a table, and a column of NULLs, made in the target after the replay that left them out: no delta or newer dump takes
    the rows of the ledger for complete."""
    snapshot = make(tmp_path / "s.db", DEAD)
    full = programs.dump(snapshot, tmp_path / "full.valise")
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE kept (v int)")
    options = ["--allow-missing=t.dead", "--allow-missing=t.it's", "--allow-missing=gone"]
    programs.replay(database.dsn, full, *options)
    with contextlib.closing(sqlite3.connect(snapshot)) as source, source:
        source.executescript("INSERT INTO t VALUES (3, 'c', 'x', 'y', NULL); UPDATE t SET empty = 'e' WHERE id = 1; INSERT INTO gone VALUES (2)")
    delta = programs.dump(snapshot, tmp_path / "delta.valise", "--base", str(full))
    newer = programs.dump(snapshot, tmp_path / "newer.valise")
    database.execute("""ALTER TABLE t ADD COLUMN dead text, ADD COLUMN "it's" text, ADD COLUMN empty text""")
    gone = "--allow-missing=gone"
    wanted = ["refused: 1 problem", 'table "t": its column "dead" was left out by the last replay', "full dump"]
    for verify in ("changed", "touched", "full"):
        programs.fail(programs.REFUSED, wanted, programs.REPLAY, "--dsn", database.dsn, f"--verify={verify}", gone, delta)
    programs.fail(programs.REFUSED, ['"dead" was left out', "--on-existing=replace"], programs.REPLAY, "--dsn", database.dsn, gone, full)
    assert database.query("SELECT * FROM t ORDER BY id") == [(1, "a", None, None, None), (2, "b", None, None, None)]

    programs.replay(database.dsn, full, gone, "--on-existing=replace")
    assert database.query("SELECT * FROM t ORDER BY id") == [(1, "a", "x", "y", None), (2, "b", None, "z", None)]
    programs.succeed(programs.REPLAY, "--dsn", database.dsn, gone, delta)
    assert database.query("SELECT * FROM t ORDER BY id") == [(1, "a", "x", "y", "e"), (2, "b", None, "z", None), (3, "c", "x", "y", None)]

    database.execute("CREATE TABLE gone (v int)")
    with contextlib.closing(sqlite3.connect(snapshot)) as source, source:
        source.executescript("UPDATE kept SET v = 2")
    last = programs.dump(snapshot, tmp_path / "last.valise", "--base", str(newer))
    programs.fail(programs.REFUSED, ['table "gone" was left out'], programs.REPLAY, "--dsn", database.dsn, last)
    done = programs.replay(database.dsn, programs.dump(snapshot, tmp_path / "all.valise"))
    assert 'table "gone" was left out by the last replay, and the target has it now: loaded anew' in done.out
    assert database.query("SELECT v FROM gone ORDER BY v") == [(1,), (2,)] and database.query("SELECT v FROM kept") == [(2,)]


def test_a_column_of_nulls_comes_later(database: Database, tmp_path: Path) -> None:
    """What it held in the dump needs no column. A later one has whatever default, and changes what is read back."""
    snapshot = make(tmp_path / "s.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, empty TEXT); INSERT INTO t VALUES (1, 'a', NULL), (2, 'b', NULL)")
    full = programs.dump(snapshot, tmp_path / "full.valise")
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v text)")
    programs.replay(database.dsn, full)
    with contextlib.closing(sqlite3.connect(snapshot)) as source, source:
        source.executescript("UPDATE t SET empty = 'e' WHERE id = 1")
    delta = programs.dump(snapshot, tmp_path / "delta.valise", "--base", str(full))
    database.execute("ALTER TABLE t ADD COLUMN empty text DEFAULT 'wrong'")
    programs.fail(programs.REFUSED, ['its column "empty" was left out'], programs.REPLAY, "--dsn", database.dsn, "--verify=changed", delta)
    newer = programs.dump(snapshot, tmp_path / "newer.valise")
    done = programs.replay(database.dsn, newer)
    assert 'its column "empty" was left out by the last replay, and the target has it now: loaded anew' in done.out
    assert database.query("SELECT * FROM t ORDER BY id") == [(1, "a", "e"), (2, "b", None)]


def test_said_another_way(database: Database, tmp_path: Path) -> None:
    """A unit of time that was wrong, and rows that were rejected: the same dump tells that it would be otherwise, a newer one makes it so,
    and a delta does not mix units. What is not said any more is no difference."""
    snapshot = make(tmp_path / "s.db", """CREATE TABLE t (id INTEGER PRIMARY KEY, at INT); INSERT INTO t VALUES (1, 1700000000);
        CREATE TABLE n (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO n VALUES (1, 'x' || char(0) || 'y'), (2, 'ok'); CREATE TABLE other (v)""")
    full = programs.dump(snapshot, tmp_path / "full.valise")
    database.execute("CREATE TABLE t (id int PRIMARY KEY, at timestamptz); CREATE TABLE n (id int PRIMARY KEY, v text); CREATE TABLE other (v int)")
    first, second = ["--unix-time=milliseconds", "--on-bad-value=reject"], ["--unix-time=seconds", "--on-bad-value=replace"]
    programs.fail(programs.REJECTED, [], programs.REPLAY, "--dsn", database.dsn, *first, full)
    before = database.query("SELECT extract(epoch FROM at)::float FROM t"), database.query("SELECT v FROM n ORDER BY id")
    assert before == ([(1700000.0,)], [("ok",)])
    for options in (first, [], ["--unix-time=milliseconds"]):
        assert "nothing to do" in programs.replay(database.dsn, full, *options).out
    programs.fail(programs.REFUSED, ["2 differences", "--unix-time (milliseconds), not (seconds)", "--on-bad-value (reject), not (replace", "--on-existing=replace"],
                  programs.REPLAY, "--dsn", database.dsn, *second, full)

    with contextlib.closing(sqlite3.connect(snapshot)) as source, source:
        source.executescript("INSERT INTO other VALUES (1); INSERT INTO t VALUES (2, 1700000001)")
    delta = programs.dump(snapshot, tmp_path / "delta.valise", "--base", str(full))
    programs.fail(programs.REFUSED, ["refused: 1 problem", "--unix-time (milliseconds), not (seconds)"], programs.REPLAY, "--dsn", database.dsn, *second, delta)
    newer = programs.dump(snapshot, tmp_path / "newer.valise")
    done = programs.fail(programs.REJECTED, ["0 rows were rejected", "1 values replaced"], programs.REPLAY, "--dsn", database.dsn, *second, newer)
    assert 'table "n" was replayed with --on-bad-value (reject), not (replace' in done.out and "loaded anew" in done.out
    after = database.query("SELECT extract(epoch FROM at)::float FROM t ORDER BY id"), database.query("SELECT v FROM n ORDER BY id")
    assert after == ([(1700000000.0,), (1700000001.0,)], [("x\ufffdy",), ("ok",)])
    assert database.query("SELECT count(*) FROM valise.rejects WHERE replay = (SELECT max(id) FROM valise.replay)") == [(0,)]

    programs.fail(programs.REFUSED, ["NUL by '_'"], programs.REPLAY, "--dsn", database.dsn, *second, "--nul-text=_", newer)
    programs.fail(programs.REJECTED, ["1 values replaced"], programs.REPLAY, "--dsn", database.dsn, *second, "--nul-text=_", "--on-existing=replace", newer)
    assert database.query("SELECT v FROM n ORDER BY id") == [("x_y",), ("ok",)]


@pytest.mark.parametrize("word,words", [("t.v", "the target has it"), ("kept", "the target has it"), ("nope", "no such table"), ("t.nope", "no such"), ("", "no such")])
def test_only_what_it_lacks_is_left_out(database: Database, tmp_path: Path, word: str, words: str) -> None:
    dump = programs.dump(make(tmp_path / "s.db", DEAD), tmp_path / "d.valise")
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE kept (v int)")
    programs.fail(programs.USAGE, [words], programs.REPLAY, "--dsn", database.dsn, "--allow-missing", word, dump)


def test_what_the_source_dropped_since(database: Database, tmp_path: Path) -> None:
    """The full dump needs the options, and its delta, in the same command, knows neither table nor column any more."""
    snapshot = make(tmp_path / "s.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, v, dead); CREATE TABLE gone (v); INSERT INTO gone VALUES (1); INSERT INTO t VALUES (1, 2, 3)")
    full = programs.dump(snapshot, tmp_path / "full.valise")
    with contextlib.closing(sqlite3.connect(snapshot)) as source, source:
        source.executescript("DROP TABLE gone; ALTER TABLE t DROP COLUMN dead; INSERT INTO t VALUES (2, 3)")
    delta = programs.dump(snapshot, tmp_path / "delta.valise", "--base", str(full))
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v int)")
    programs.succeed(programs.REPLAY, "--dsn", database.dsn, "--allow-missing=gone", "--allow-missing=t.dead", full, delta)
    assert database.query("SELECT * FROM t ORDER BY id") == [(1, 2), (2, 3)]


def test_dead_columns_in_a_profile(database: Database, tmp_path: Path) -> None:
    profile = tmp_path / "profile.yaml"
    profile.write_text("profile: p\ntitle: p\nformat: 1\ntables:\n  t: {allow_missing: [dead, \"it's\"]}\n  gone: {action: ignore}\n")
    dump = programs.dump(make(tmp_path / "s.db", DEAD), tmp_path / "d.valise")
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE kept (v int)")
    programs.replay(database.dsn, dump, "--profile", str(profile))
    assert database.query("SELECT count(*) FROM t") == [(2,)]


def test_columns_that_only_the_target_has(database: Database, tmp_path: Path) -> None:
    """One that must have a value, and one that a trigger would fill."""
    dump = programs.dump(make(tmp_path / "s.db", "CREATE TABLE t (v TEXT); INSERT INTO t VALUES ('a b')"), tmp_path / "d.valise")
    database.execute("""CREATE TABLE t (v text, tenant int NOT NULL, words tsvector);
        CREATE TRIGGER fill BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION tsvector_update_trigger(words, 'pg_catalog.simple', v)""")
    programs.fail(programs.REFUSED, ['"tenant"', "SET DEFAULT"], programs.REPLAY, "--dsn", database.dsn, dump)
    database.execute("ALTER TABLE t ALTER tenant SET DEFAULT 1")
    done = programs.replay(database.dsn, dump)
    assert "if one fills the column, UPDATE it afterwards" in done.out
    assert database.query("SELECT tenant, words FROM t") == [(1, None)]


JSON_IN_THE_SCHEMA = """CREATE TABLE "app_note" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "data" text NOT NULL CHECK ((JSON_VALID("data") OR "data" IS NULL)),
        kind TEXT GENERATED ALWAYS AS (json_extract(data, '$.kind')) VIRTUAL, size INTEGER AS (data ->> '$.size') STORED);
    CREATE INDEX by_name ON app_note (json_extract(data, '$.name')); CREATE INDEX some ON app_note (kind) WHERE json_type(data) = 'object';
    CREATE VIEW kinds AS SELECT json_group_array(kind) FROM app_note;
    INSERT INTO app_note (data) VALUES ('{"kind": "a", "size": 5, "name": "x"}'), ('[]')"""


def test_json_in_the_schema(database: Database, tmp_path: Path) -> None:
    """To SQLite before 3.41 these functions are unsafe in a schema that is not trusted; every JSONField of Django's has such a CHECK."""
    snapshot = make(tmp_path / "s.db", JSON_IN_THE_SCHEMA)
    dump = programs.dump(snapshot, tmp_path / "d.valise")
    programs.succeed(programs.VALISE, "restore", "-o", tmp_path / "back.db", dump)
    with contextlib.closing(sqlite3.connect(tmp_path / "back.db")) as back:
        assert back.execute("SELECT kind, size FROM app_note ORDER BY id").fetchall() == [("a", 5), (None, None)]
    database.execute(programs.succeed(programs.VALISE, "schema", dump).out)
    programs.replay(database.dsn, dump)
    assert database.query("SELECT kind, size FROM app_note ORDER BY id") == [("a", 5), (None, None)]


def test_a_schema_that_would_do_something(tmp_path: Path) -> None:
    """Extensions cannot be loaded: no function that a schema calls does more than compute."""
    snapshot = make(tmp_path / "s.db", "CREATE TABLE t (a CHECK (upper(a))); INSERT INTO t VALUES (1)")
    with contextlib.closing(sqlite3.connect(snapshot)) as source, source:
        source.execute("PRAGMA writable_schema = ON")
        source.execute("UPDATE sqlite_master SET sql = replace(sql, 'upper', 'load_extension')")
    dump = programs.dump(snapshot, tmp_path / "d.valise")
    programs.fail(programs.DATABASE, ["not authorized"], programs.VALISE, "restore", "-o", tmp_path / "back.db", dump)


def test_sequences_that_nobody_owns(database: Database, tmp_path: Path) -> None:
    """A column that takes its numbers from a sequence must go on after them, whoever owns it; one of several columns stays and is named."""
    dump = programs.dump(make(tmp_path / "s.db", """CREATE TABLE a (id INTEGER PRIMARY KEY, code TEXT); INSERT INTO a VALUES (41, 'A-7');
        CREATE TABLE b (id INTEGER PRIMARY KEY); INSERT INTO b VALUES (5); CREATE TABLE c (id INTEGER PRIMARY KEY); INSERT INTO c VALUES (6)"""), tmp_path / "d.valise")
    database.execute("""CREATE SEQUENCE a_numbers; CREATE SEQUENCE codes; CREATE SEQUENCE shared; CREATE SEQUENCE "odd'(name"; CREATE SEQUENCE unused;
        CREATE TABLE a (id bigint PRIMARY KEY DEFAULT nextval('a_numbers'), code text DEFAULT 'A-' || nextval('codes'));
        CREATE TABLE b (id int PRIMARY KEY DEFAULT nextval('shared')); CREATE TABLE c (id int PRIMARY KEY DEFAULT nextval('shared'))""")
    done = programs.replay(database.dsn, dump)
    assert database.query("INSERT INTO a DEFAULT VALUES RETURNING id, code") == [(42, "A-1")]
    for name in ["codes", "shared", "odd'(name", "unused"]:
        assert f'sequence "{name}" belongs to no column and is left as it is' in done.out
    assert '"a_numbers"' not in done.out


def test_durations(database: Database, tmp_path: Path) -> None:
    """Microseconds, as Django has them, are not taken for seconds; nor .NET's days for a part of one."""
    dump = programs.dump(make(tmp_path / "s.db", """CREATE TABLE t (id INTEGER PRIMARY KEY, v BIGINT, w TEXT);
        INSERT INTO t VALUES (1, 5400000000, '1500'), (2, NULL, '00:45:00'), (3, -1, 'P1DT2H')"""), tmp_path / "d.valise")
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v interval, w interval)")
    programs.fail(programs.REFUSED, ["refused: 2 problems", "not said what it counts", "--unix-time t.v=seconds"], programs.REPLAY, "--dsn", database.dsn,
                  "--on-bad-value=replace", dump)
    programs.fail(programs.REFUSED, ["not said what it counts"], programs.REPLAY, "--dsn", database.dsn, "--unix-time=nanoseconds", dump)
    programs.replay(database.dsn, dump, "--unix-time=microseconds", "--unix-time=t.w=milliseconds")
    assert database.query("SELECT v::text, w::text FROM t ORDER BY id") == [
        ("01:30:00", "00:00:01.5"), (None, "00:45:00"), ("-00:00:00.000001", "1 day 02:00:00")]


@pytest.mark.parametrize("text", ["1.02:03:04", "-1.02:03:04.5000000"])
def test_days_before_a_point(database: Database, tmp_path: Path, text: str) -> None:
    dump = programs.dump(make(tmp_path / "s.db", f"CREATE TABLE t (v TEXT); INSERT INTO t VALUES ('{text}')"), tmp_path / "d.valise")
    database.execute("CREATE TABLE t (v interval)")
    programs.fail(programs.REFUSED, ["would misread"], programs.REPLAY, "--dsn", database.dsn, "--on-bad-value=replace", dump)


def test_a_schema_that_names_the_address_of_code(tmp_path: Path) -> None:
    """Debian's SQLite lets SQL, even in a CHECK, say where a tokenizer's code is, which every full-text table would call."""
    snapshot = make(tmp_path / "s.db", "CREATE TABLE t (a CHECK (instr('simple', a) IS NOT NULL)); INSERT INTO t VALUES (x'4141414141414141')")
    with contextlib.closing(sqlite3.connect(snapshot)) as source, source:
        source.execute("PRAGMA writable_schema = ON")
        source.execute("UPDATE sqlite_master SET sql = replace(sql, 'instr', 'fts3_tokenizer')")
    dump = programs.dump(snapshot, tmp_path / "d.valise")
    done = programs.run(programs.VALISE, "restore", "-o", tmp_path / "back.db", dump)
    if "no such function" in done.error:
        pytest.skip("this SQLite has no FTS3")
    assert done.status == programs.DATABASE and "fts3tokenize disabled" in done.error, done
    assert not (tmp_path / "back.db").exists()
