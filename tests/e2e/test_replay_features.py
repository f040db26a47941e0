"""What a full replay must get right in a target that uses what PostgreSQL offers."""
from __future__ import annotations

import contextlib
import json
import os
import random
import sqlite3
from pathlib import Path

import pytest

import compare
import programs
from conftest import Database

ROWS = 3000


def make(path: Path, script: str) -> Path:
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript(script)
    return path


def moves(database: Database, snapshot: Path, folder: Path, *options: str) -> programs.Done:
    """Dump, replay and compare; the catalog must be what it was, and all values equal."""
    before = catalog(database)
    dump = programs.dump(snapshot, folder / "dump.valise", "--force")
    database.settle()
    done = programs.replay(database.dsn, dump, *options)
    assert compare.differences(compare.compare(snapshot, database.dsn)) == []
    assert catalog(database) == before
    database.settle()
    return done


def catalog(database: Database) -> str:
    """The schema as pg_dump writes it, without what is Valise's own: indexes, constraints, comments, owners, all of it."""
    out = programs.succeed("pg_dump", "--schema-only", "--exclude-schema=valise", "--dbname", database.dsn).out
    database.settle()
    return "".join(line for line in out.splitlines(keepends=True) if "restrict " not in line)


# ------------------------------------------------------------------------------------------ keys and constraints


def test_foreign_keys(database: Database, tmp_path: Path) -> None:
    """A self-reference in both directions, a cycle, and tables whose names sort against their dependence."""
    snapshot = make(tmp_path / "s.db", f"""
        CREATE TABLE token (id INTEGER PRIMARY KEY, next_id INTEGER);
        INSERT INTO token WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
            SELECT i, CASE WHEN i < {ROWS} THEN i + 1 END FROM n;
        UPDATE token SET next_id = 1 WHERE id = {ROWS};
        CREATE TABLE a_child (id INTEGER PRIMARY KEY, parent TEXT);
        CREATE TABLE z_parent (name TEXT PRIMARY KEY);
        INSERT INTO z_parent SELECT 'p' || id FROM token;
        INSERT INTO a_child SELECT id, CASE WHEN id % 5 THEN 'p' || id END FROM token;
        CREATE TABLE egg (id INTEGER PRIMARY KEY, hen INTEGER NOT NULL);
        CREATE TABLE hen (id INTEGER PRIMARY KEY, egg INTEGER NOT NULL);
        INSERT INTO egg SELECT id, id + 100 FROM token; INSERT INTO hen SELECT id + 100, id FROM token;""")
    database.execute("""
        CREATE TABLE token (id bigint PRIMARY KEY, next_id bigint REFERENCES token ON DELETE CASCADE);
        CREATE TABLE z_parent (name text PRIMARY KEY);
        CREATE TABLE a_child (id bigint PRIMARY KEY, parent text REFERENCES z_parent ON UPDATE CASCADE ON DELETE SET NULL);
        CREATE TABLE egg (id bigint PRIMARY KEY, hen bigint NOT NULL);
        CREATE TABLE hen (id bigint PRIMARY KEY, egg bigint NOT NULL REFERENCES egg DEFERRABLE INITIALLY DEFERRED);
        ALTER TABLE egg ADD CONSTRAINT "egg's hen" FOREIGN KEY (hen) REFERENCES hen DEFERRABLE;""")
    moves(database, snapshot, tmp_path)
    assert database.query("SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated") == [(4,)]
    with pytest.raises(Exception, match="violates foreign key"):
        database.execute("INSERT INTO a_child VALUES (-1, 'nobody')")


def test_a_key_that_is_not_validated_stays_so(database: Database, tmp_path: Path) -> None:
    """Rows that break it are there on both sides, and are no reason to refuse."""
    snapshot = make(tmp_path / "s.db", f"""
        CREATE TABLE parent (id INTEGER PRIMARY KEY); INSERT INTO parent VALUES (1);
        CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INTEGER);
        INSERT INTO child WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}) SELECT i, i FROM n;""")
    database.execute("""
        CREATE TABLE parent (id bigint PRIMARY KEY);
        CREATE TABLE child (id bigint PRIMARY KEY, parent_id bigint);
        ALTER TABLE child ADD CONSTRAINT lax FOREIGN KEY (parent_id) REFERENCES parent NOT VALID;
        ALTER TABLE child ADD CONSTRAINT positive CHECK (id > 0) NOT VALID""")
    moves(database, snapshot, tmp_path)
    assert database.query("SELECT conname, convalidated FROM pg_constraint WHERE conname IN ('lax', 'positive') ORDER BY 1") == [
        ("lax", False), ("positive", False)]


def test_indexes_of_every_kind(database: Database, tmp_path: Path) -> None:
    snapshot = make(tmp_path / "s.db", f"""
        CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, data JSON, flag BOOLEAN);
        INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
            SELECT i, 'Name ' || i, json_object('k', i), i % 2 FROM n""")
    database.execute("""
        CREATE TABLE t (id bigint, name text, data jsonb, flag boolean, CONSTRAINT "the key" PRIMARY KEY (id) INCLUDE (name),
                        CONSTRAINT once UNIQUE (name) DEFERRABLE);
        CREATE UNIQUE INDEX folded ON t (lower(name) text_pattern_ops DESC NULLS LAST) WHERE flag;
        CREATE INDEX "odd ""n"" ame" ON t (id, flag) WITH (fillfactor = 70);
        CREATE INDEX gin ON t USING gin (data jsonb_path_ops);
        CREATE INDEX hash ON t USING hash (name);
        CREATE INDEX brin ON t USING brin (id);
        CREATE STATISTICS st ON id, flag FROM t;
        COMMENT ON INDEX folded IS 'it''s a comment'; COMMENT ON CONSTRAINT once ON t IS 'another é';
        ALTER INDEX folded ALTER COLUMN 1 SET STATISTICS 500;
        ALTER TABLE t CLUSTER ON "the key"; ALTER TABLE t REPLICA IDENTITY USING INDEX "the key";
        ALTER TABLE t ADD EXCLUDE USING gist (int8range(id, id, '[]') WITH &&)""")
    moves(database, snapshot, tmp_path)
    assert database.query("SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass AND NOT (indisvalid AND indisready)") == [(0,)]
    assert database.query("SELECT count(*) > 0 FROM pg_stats WHERE tablename = 't'") == [(True,)]


def test_owners(database: Database, tmp_path: Path) -> None:
    """Everything still belongs to whom it belonged, and privileges are as granted."""
    snapshot = make(tmp_path / "s.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'a')")
    database.execute("""
        DROP ROLE IF EXISTS keeper; CREATE ROLE keeper; DROP ROLE IF EXISTS reader; CREATE ROLE reader;
        CREATE TABLE t (id bigint PRIMARY KEY, v text); CREATE INDEX i ON t (v); ALTER TABLE t OWNER TO keeper;
        GRANT SELECT (v) ON t TO reader""")
    try:
        moves(database, snapshot, tmp_path)
        assert database.query("SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relname IN ('t', 'i')") == [("keeper",)]
    finally:
        database.execute("DROP OWNED BY keeper, reader; DROP ROLE keeper, reader")


# ---------------------------------------------------------------------------------------------------- triggers


def test_triggers_do_not_fire(database: Database, tmp_path: Path) -> None:
    """Whatever state they are in, they are silent during the replay, and in that state afterwards."""
    snapshot = make(tmp_path / "s.db", f"""
        CREATE TABLE t (id INTEGER PRIMARY KEY);
        INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}) SELECT i FROM n;
        CREATE TABLE log (id INTEGER); CREATE TABLE raising (id INTEGER); INSERT INTO raising VALUES (1)""")
    database.execute("""
        CREATE TABLE t (id bigint PRIMARY KEY); CREATE TABLE log (id bigint); CREATE TABLE raising (id bigint);
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log VALUES (1); RETURN NULL; END $$;
        CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.id := -NEW.id; RETURN NEW; END $$;
        CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not allowed'; END $$;
        CREATE TRIGGER a_enabled AFTER INSERT OR TRUNCATE ON t FOR EACH STATEMENT EXECUTE FUNCTION note();
        CREATE TRIGGER b_row BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION change();
        CREATE TRIGGER c_always BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION change();
        CREATE TRIGGER d_replica BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION change();
        CREATE TRIGGER e_disabled BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION change();
        CREATE CONSTRAINT TRIGGER f_raising AFTER INSERT ON raising DEFERRABLE FOR EACH ROW EXECUTE FUNCTION never();
        ALTER TABLE t ENABLE ALWAYS TRIGGER c_always; ALTER TABLE t ENABLE REPLICA TRIGGER d_replica;
        ALTER TABLE t DISABLE TRIGGER e_disabled""")
    moves(database, snapshot, tmp_path)
    assert database.query("SELECT tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1") == [
        ("a_enabled", "O"), ("b_row", "O"), ("c_always", "A"), ("d_replica", "R"), ("e_disabled", "D"), ("f_raising", "O")]


# ---------------------------------------------------------------------------------------- identity and sequences


def test_identity_and_sequences(database: Database, tmp_path: Path) -> None:
    """The next number that the application draws is free; SQLite's AUTOINCREMENT counts even if its rows are gone."""
    snapshot = make(tmp_path / "s.db", """
        CREATE TABLE always (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO always VALUES (41, 'a'), (7, 'b');
        CREATE TABLE by_default (id INTEGER PRIMARY KEY AUTOINCREMENT);
        INSERT INTO by_default VALUES (1), (500); DELETE FROM by_default WHERE id = 500;
        CREATE TABLE numbered (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO numbered VALUES (9, 'x');
        CREATE TABLE unused (id INTEGER PRIMARY KEY)""")
    database.execute("""
        CREATE TABLE always (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text);
        CREATE TABLE by_default (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY);
        CREATE TABLE numbered (id serial PRIMARY KEY, v text);
        CREATE TABLE unused (id bigserial PRIMARY KEY)""")
    moves(database, snapshot, tmp_path)
    database.execute("INSERT INTO always (v) VALUES ('new'); INSERT INTO by_default DEFAULT VALUES; "
                     "INSERT INTO numbered (v) VALUES ('new'); INSERT INTO unused DEFAULT VALUES")
    assert database.query("SELECT max(id) FROM always UNION ALL SELECT max(id) FROM by_default "
                          "UNION ALL SELECT max(id) FROM numbered UNION ALL SELECT max(id) FROM unused") == [
        (42,), (501,), (10,), (1,)]


def test_a_sequence_that_goes_down(database: Database, tmp_path: Path) -> None:
    """Its next number is below the lowest, after a delta too; rows above its first number say nothing."""
    snapshot = make(tmp_path / "s.db", """
        CREATE TABLE down (id INTEGER PRIMARY KEY AUTOINCREMENT, v TEXT); INSERT INTO down VALUES (-1, 'a'), (-30, 'b');
        CREATE TABLE above (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO above VALUES (7, 'a')""")
    database.execute("""
        CREATE TABLE down (id int GENERATED ALWAYS AS IDENTITY (INCREMENT BY -1) PRIMARY KEY, v text);
        CREATE TABLE above (id int GENERATED ALWAYS AS IDENTITY (INCREMENT BY -1) PRIMARY KEY, v text)""")
    full = programs.dump(snapshot, tmp_path / "full.valise")
    programs.replay(database.dsn, full)
    assert database.query("SELECT last_value, is_called FROM down_id_seq UNION ALL SELECT last_value, is_called FROM above_id_seq") == [
        (-30, True), (-1, False)]
    database.settle()
    make(snapshot, "INSERT INTO down VALUES (-40, 'c'), (-35, 'd'); DELETE FROM down WHERE id = -30")
    programs.replay(database.dsn, programs.dump(snapshot, tmp_path / "delta.valise", "--base", str(full)))
    assert database.query("SELECT nextval('down_id_seq')") == [(-41,)]


# ------------------------------------------------------------------------------------------------------ values


def test_values_of_every_type(database: Database, tmp_path: Path) -> None:
    """What is unusual in each type; declared types of SQLite do not matter, storage classes do."""
    dice = random.Random(7)
    reals = [0.0, 1.5, -1e-308, 5e-324, 1.7976931348623157e308, float("inf"), float("-inf"), 0.1, 1 / 3, 1e22, 123456789.125]
    snapshot = tmp_path / "s.db"
    with contextlib.closing(sqlite3.connect(snapshot)) as db, db:
        db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, b BOOLEAN, s, i, l, r REAL, f, n, x TEXT, v TEXT, c, y BLOB, "
                   "j JSON, jb JSON, u, ts, tz, d, e, a, ip)")
        for n in range(500):
            row = [n, dice.choice([0, 1, None]), dice.choice([-32768, 32767, 0, None]), dice.choice([-2**31, 2**31 - 1, 7.0]),
                   dice.choice([-2**63, 2**63 - 1, 0]), dice.choice(reals), dice.choice([0.5, 1, -2.25, None]),
                   dice.choice([0, 2**63 - 1, 0.1, "123456789012345678901234567890.5", "-0.00", 1e15, None]),
                   dice.choice(["", "\\N", "é\t\n\r\\", 42, "x" * 3000, None]), dice.choice(["ab", "", None]),
                   dice.choice(["X", "", "  "]), dice.choice([b"", b"\0\xff\\", "text é", bytes(range(256)), None]),
                   dice.choice(['{"a":1,  "a":2}', "null", '"\\u00e9"']),
                   dice.choice(['{"b": 1.10, "a": [true, null, 1e3]}', "[]", '"x"', None]),
                   dice.choice(["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", bytes(range(16)), None]),
                   dice.choice(["2024-02-29 23:59:59.123456", "1970-01-01 00:00:00", None]),
                   dice.choice(["2024-02-29 23:59:59+02:00", "2024-01-01 00:00:00+00", None]),
                   dice.choice(["2024-02-29", None]), dice.choice(["sad", "happy", None]), dice.choice(["{1,2,NULL}", "{}", None]),
                   dice.choice(["10.0.0.1/8", "::1/64", None])]
            db.execute(f"INSERT INTO t VALUES ({', '.join('?' * len(row))})", row)
    database.execute("""
        CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE DOMAIN short AS varchar(10) CHECK (length(VALUE) < 5);
        CREATE TABLE t (id bigint PRIMARY KEY, b boolean, s smallint, i integer, l bigint, r double precision, f real, n numeric,
            x text, v short, c char(3), y bytea, j json, jb jsonb, u uuid, ts timestamp, tz timestamptz, d date, e mood,
            a integer[], ip inet)""")
    moves(database, snapshot, tmp_path)


def test_null_is_not_false(database: Database, tmp_path: Path) -> None:
    snapshot = make(tmp_path / "s.db", "CREATE TABLE t (b BOOLEAN); INSERT INTO t VALUES (NULL), (0), (1), (1.0)")
    database.execute("CREATE TABLE t (b boolean)")
    moves(database, snapshot, tmp_path)
    assert sorted(database.query("SELECT b, count(*) FROM t GROUP BY b"), key=str) == [(False, 1), (None, 1), (True, 2)]


def test_equal_rows_are_counted(database: Database, tmp_path: Path) -> None:
    snapshot = make(tmp_path / "s.db", f"""
        CREATE TABLE t (a, b); INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
            SELECT i % 3, NULL FROM n""")
    database.execute("CREATE TABLE t (a integer, b text)")
    moves(database, snapshot, tmp_path)


# ------------------------------------------------------------------------------------------------------ the tool


def small(folder: Path) -> Path:
    return make(folder / "s.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'a'), (2, 'b')")


def test_again(database: Database, tmp_path: Path) -> None:
    """The same dump a second time changes nothing and says so."""
    database.execute("CREATE TABLE t (id bigint PRIMARY KEY, v text)")
    snapshot = small(tmp_path)
    moves(database, snapshot, tmp_path)
    before = database.contents()
    moves(database, snapshot, tmp_path)
    assert database.contents() == before


def test_dry_run(database: Database, tmp_path: Path) -> None:
    database.execute("CREATE TABLE t (id bigint PRIMARY KEY, v text)")
    dump = programs.dump(small(tmp_path), tmp_path / "d.valise")
    before = database.contents()
    done = programs.succeed(programs.REPLAY, "--dsn", database.dsn, "--dry-run", dump)
    assert database.contents() == before
    assert "t" in done.out.split()


@pytest.mark.parametrize("level", ["full", "counts", "none"])
def test_report(database: Database, tmp_path: Path, level: str) -> None:
    database.execute("CREATE TABLE t (id bigint PRIMARY KEY, v text)")
    done = moves(database, small(tmp_path), tmp_path, f"--verify={level}", "--report", str(tmp_path / "report.json"),
                 "--jobs", "3")
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["outcome"], report["verified"]["level"], report["jobs"]) == ("done", level, 3)
    assert [(table["name"], table["action"], table["rows"]) for table in report["tables"]] == [("t", "load", 2)]
    assert "Done" in done.out, done


def test_standard_input(database: Database, tmp_path: Path) -> None:
    database.execute("CREATE TABLE t (id bigint PRIMARY KEY, v text)")
    dump = programs.dump(small(tmp_path), tmp_path / "d.valise")
    with dump.open("rb") as file:
        programs.succeed(programs.REPLAY, "--dsn", database.dsn, "-", stdin=file)
    assert database.query("SELECT count(*) FROM t") == [(2,)]


def test_connections_by_environment_and_uri(database: Database, tmp_path: Path) -> None:
    database.execute("CREATE TABLE t (id bigint PRIMARY KEY, v text)")
    dump = programs.dump(small(tmp_path), tmp_path / "d.valise")
    server = database.server
    environment = os.environ | {"PGHOST": server.folder, "PGPORT": str(server.port), "PGUSER": server.user, "PGDATABASE": database.name}
    programs.succeed(programs.REPLAY, dump, env=environment)
    uri = f"postgresql://{server.user}:{server.password}@127.0.0.1:{server.port}/{database.name}"
    done = programs.succeed(programs.REPLAY, "--dsn", uri, dump)
    assert server.password not in done.out + done.error


def test_columns_that_the_target_computes_are_not_called_verified(database: Database, tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "s.db")) as source, source:
        source.executescript("CREATE TABLE t (a INTEGER PRIMARY KEY, twice INTEGER); INSERT INTO t VALUES (1, 2), (2, 77)")
    database.execute("CREATE TABLE t (a bigint PRIMARY KEY, twice bigint GENERATED ALWAYS AS (a * 2) STORED)")
    out = programs.replay(database.dsn, programs.dump(tmp_path / "s.db", tmp_path / "s.valise")).out
    assert "verified     1 table: every row" in out and "(nothing of 1 column that the target computes: see below)" in out
    assert 'the target generates column "twice" itself' in out
    assert database.query("SELECT * FROM t ORDER BY 1") == [(1, 2), (2, 4)]
