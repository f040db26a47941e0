"""valise restore: what comes back is the database that went in, also where SQLite makes that hard."""
from __future__ import annotations

import contextlib
import sqlite3
import stat
from pathlib import Path

import pytest

import reference
from running import Run, snapshots, valise, valise_dump  # noqa: F401 (fixtures)

# Each is a script that makes a database; its name is what may get lost.
DATABASES = {
    "empty": "",
    "no_rows": "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT NOT NULL, c REAL DEFAULT (1 + 2))",
    "classes": """
        CREATE TABLE t(a, b INTEGER, c TEXT, d REAL, e NUMERIC, f BLOB);
        INSERT INTO t VALUES(NULL, NULL, NULL, NULL, NULL, NULL), (1, 2, 3, 4, 5, 6), (1.5, 2.5, 3.5, 4.5, 5.5, 6.5),
            ('1', 'x', 'y', 'z', '1x', '6'), (x'', x'00', x'31', x'31', x'31', x'ff'), (-0.0, 9e999, -9e999, 9e999, 1e300, 0.1),
            (9223372036854775807, -9223372036854775808, '', 1e18, 9007199254740993, '')""",
    "bytes": """
        CREATE TABLE t(a TEXT PRIMARY KEY, b);
        INSERT INTO t VALUES(CAST(x'6100620063' AS TEXT), CAST(x'00' AS TEXT)), (CAST(x'ff80c3' AS TEXT), CAST(x'eda080' AS TEXT)),
            (CAST(x'efbbbf' AS TEXT), char(0xfeff)), (char(0x1f600), char(0x10ffff))""",
    "names": '''
        CREATE TABLE "a ""quoted"" table"("select" INTEGER, "with ""quotes""" TEXT, "  ", "", "[x]", "ü");
        INSERT INTO "a ""quoted"" table" VALUES(1, 'a', 2, 3, 4, 5);
        CREATE TABLE ""(x); INSERT INTO "" VALUES(1);
        CREATE TABLE [order](a, b, UNIQUE(a, b)); INSERT INTO "order" VALUES(1, 2), (1, NULL), (1, NULL);
        CREATE INDEX "an index; -- with comment" ON "order"(b DESC, a COLLATE NOCASE) WHERE b > 0;
        CREATE TABLE /* a comment */ commented (a -- here
            , b)''',
    "keys": """
        CREATE TABLE r(k TEXT PRIMARY KEY DESC, v); INSERT INTO r VALUES('b', 1), ('a', 2), (NULL, 3), (NULL, 4);
        CREATE TABLE w(a TEXT COLLATE NOCASE, b INT, c, PRIMARY KEY(b DESC, a)) WITHOUT ROWID; INSERT INTO w VALUES('x', 2, 3), ('Y', 2, 4), ('x', 1, 5);
        CREATE TABLE d(i INTEGER PRIMARY KEY DESC, v); INSERT INTO d VALUES(3, 1), (1, 2);
        CREATE TABLE u(a UNIQUE ON CONFLICT IGNORE, b NOT NULL ON CONFLICT REPLACE DEFAULT 7); INSERT INTO u VALUES(1, 2), (2, 3)""",
    "sequence": """
        CREATE TABLE a(i INTEGER PRIMARY KEY AUTOINCREMENT, v); INSERT INTO a(v) VALUES(1), (2), (3); DELETE FROM a WHERE i > 1;
        CREATE TABLE z(i INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO z VALUES(1000); UPDATE sqlite_sequence SET seq = 5000 WHERE name = 'z';
        INSERT INTO sqlite_sequence VALUES('gone', 3)""",
    "sequence_alone": "CREATE TABLE a(i INTEGER PRIMARY KEY AUTOINCREMENT); DROP TABLE a",
    "statistics": """
        CREATE TABLE t(a, b); CREATE INDEX i ON t(a); CREATE INDEX j ON t(b, a);
        INSERT INTO t SELECT value % 7, value FROM (WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT 500) SELECT value FROM n);
        ANALYZE""",
    "generated": """
        CREATE TABLE g(a INTEGER, v AS (a * 2), s TEXT AS (a || 'x') STORED, b, UNIQUE(s)); INSERT INTO g(a, b) VALUES(1, 2), (NULL, 3), ('q', x'00');
        CREATE INDEX gi ON g(v); CREATE TABLE gw(k PRIMARY KEY, s AS (k + 1) STORED, v AS (k + 2)) WITHOUT ROWID; INSERT INTO gw VALUES(1), (2)""",
    "strict": """
        CREATE TABLE s(i INT, t TEXT, r REAL, b BLOB, a ANY) STRICT;
        INSERT INTO s VALUES(1, '1', 1, x'31', '1'), (NULL, NULL, NULL, NULL, 1.0), (2, 'a', 2.5, x'', 1)""",
    "foreign_keys": """
        CREATE TABLE child(a REFERENCES parent(x) ON DELETE CASCADE); INSERT INTO child VALUES(99);
        CREATE TABLE parent(x INTEGER PRIMARY KEY REFERENCES parent(x))""",
    "programs": """
        CREATE TABLE t(a, b CHECK (b <> 3)); CREATE VIEW z AS SELECT * FROM y; CREATE VIEW y AS SELECT a, no_such_function(b) FROM missing;
        CREATE TRIGGER r AFTER INSERT ON t BEGIN INSERT INTO log VALUES(NEW.a); UPDATE t SET b = 5; END;
        CREATE TRIGGER v INSTEAD OF INSERT ON z BEGIN SELECT 1; END; CREATE TABLE log(a);
        INSERT INTO t VALUES(1, 2)""",
    "numbers": "PRAGMA user_version = -5; PRAGMA application_id = 252006673; PRAGMA page_size = 1024; PRAGMA auto_vacuum = 2; CREATE TABLE t(a)",
    "full_vacuum": "PRAGMA auto_vacuum = 1; CREATE TABLE t(a); CREATE TABLE u(a UNIQUE); INSERT INTO t VALUES(zeroblob(100000)); DROP TABLE t",
    "wal": "PRAGMA journal_mode = WAL; CREATE TABLE t(a); INSERT INTO t VALUES(1)",
    "altered": """
        CREATE TABLE t(a INTEGER, b UNIQUE); INSERT INTO t VALUES(1, 2); ALTER TABLE t ADD COLUMN c TEXT DEFAULT 'd'; ALTER TABLE t RENAME b TO "b c";
        INSERT INTO t VALUES(2, 3, NULL); ALTER TABLE t RENAME TO "t 2"; CREATE TABLE u(x, y, z); INSERT INTO u VALUES(1, 2, 3); ALTER TABLE u DROP COLUMN y""",
    "as_select": "CREATE TABLE t AS SELECT 1 AS a, 'x' AS b, 2.5 AS \"c d\"",
    "expressions": "CREATE TABLE t(a, b); INSERT INTO t VALUES(2, 'A'), (1, 'b'); CREATE INDEX i ON t(lower(b), a + 1) WHERE a IS NOT NULL; CREATE INDEX j ON t(\"quoted like a string\")",
    # Values that their columns would convert; only tricks put them there.
    "affinity": """
        CREATE TABLE t(a, b, c UNIQUE, d); INSERT INTO t VALUES('1', 2, '0', -0.0), ('1.0', 2.0, '-1', -0.0), ('x', NULL, 'y', 1);
        CREATE TABLE w(k, v, PRIMARY KEY(v DESC, k)) WITHOUT ROWID; INSERT INTO w VALUES('1', 2), (1, '2'), ('01', 1.0);
        CREATE TABLE p(i INTEGER PRIMARY KEY, v); INSERT INTO p VALUES(5, '7'), (9, 8);
        CREATE TABLE n(a, g AS (typeof(a)), s AS (typeof(a)) STORED); INSERT INTO n VALUES('1');
        CREATE TABLE q(a, b); INSERT INTO q VALUES(NULL, 1), (3, 2);
        CREATE INDEX pi ON p(v);
        PRAGMA writable_schema = ON;
        UPDATE sqlite_schema SET sql = 'CREATE TABLE t(a INTEGER, b TEXT, c INT UNIQUE, d REAL)' WHERE name = 't';
        UPDATE sqlite_schema SET sql = 'CREATE TABLE w(k TEXT, v INTEGER, PRIMARY KEY(v DESC, k)) WITHOUT ROWID' WHERE name = 'w';
        UPDATE sqlite_schema SET sql = 'CREATE TABLE p(i INTEGER PRIMARY KEY, v NUMERIC)' WHERE name = 'p';
        UPDATE sqlite_schema SET sql = 'CREATE TABLE n(a INT, g AS (typeof(a)), s AS (typeof(a)) STORED)' WHERE name = 'n';
        UPDATE sqlite_schema SET sql = 'CREATE TABLE q(a NOT NULL, b CHECK (b > 1))' WHERE name = 'q'""",
    "rewritten": """
        CREATE TABLE t(a, b); CREATE INDEX i ON t(a); INSERT INTO t VALUES(1, 2); PRAGMA writable_schema = ON;
        UPDATE sqlite_schema SET sql = 'create   table "t"  (a,b)' WHERE name = 't';
        UPDATE sqlite_schema SET sql = 'create INDEX i on t ( a )' WHERE name = 'i'""",
    "fts3": """
        CREATE VIRTUAL TABLE f USING fts3(title, body, tokenize=porter); INSERT INTO f(docid, title, body) VALUES(7, 'One', 'running dogs'), (9, 'Two', 'a cat ran');
        DELETE FROM f WHERE docid = 9""",
    "fts4": """
        CREATE VIRTUAL TABLE f USING fts4(body, notindexed=body, x); INSERT INTO f VALUES('dogs', 'dogs run'), ('cats', 'cats sleep');
        CREATE VIRTUAL TABLE a USING fts4aux(f)""",
    "fts5": """
        CREATE VIRTUAL TABLE "f t" USING fts5(body, prefix='2 3'); INSERT INTO "f t" VALUES('dogs run'), ('cats sleep');
        INSERT INTO "f t"("f t", rank) VALUES('pgsz', 128)""",
    "fts5_outside": """
        CREATE TABLE doc(id INTEGER PRIMARY KEY, body); INSERT INTO doc VALUES(3, 'dogs run'), (8, 'cats sleep');
        CREATE VIRTUAL TABLE f USING fts5(body, content='doc', content_rowid='id'); INSERT INTO f(f) VALUES('rebuild');
        CREATE TRIGGER doc_ai AFTER INSERT ON doc BEGIN INSERT INTO f(rowid, body) VALUES(new.id, new.body); END""",
    "rtree": """
        CREATE VIRTUAL TABLE r USING rtree(id, x0, x1, y0, y1, +note);
        INSERT INTO r SELECT value, value, value + 1, -value, 0, 'n' || value FROM (WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT 300) SELECT value FROM n)""",
}
# Tables of many rows, which are loaded another way than those of few.
NUMBERS = "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 700) SELECT i FROM n)"
DATABASES |= {
    "many": f"""
        CREATE TABLE u(a TEXT UNIQUE ON CONFLICT IGNORE, b INTEGER, c REAL, d NUMERIC, UNIQUE(b, a)); CREATE INDEX ui ON u(c DESC) WHERE d > 3;
        INSERT INTO u SELECT 'x' || (i * 7919 % 701), i % 3, i, i / 2.0 FROM {NUMBERS};
        CREATE TABLE p(k TEXT PRIMARY KEY, v); INSERT INTO p SELECT hex(i * 7919 % 701), NULL FROM {NUMBERS};
        CREATE TABLE d(i INTEGER PRIMARY KEY DESC, v CHECK (v > 0)); INSERT INTO d SELECT 7919 * i % 701, i FROM {NUMBERS};
        CREATE TABLE s(i INTEGER PRIMARY KEY AUTOINCREMENT, v BLOB NOT NULL); INSERT INTO s SELECT i * 3, zeroblob(i * 10) FROM {NUMBERS};
        CREATE TABLE w(a TEXT COLLATE NOCASE, b INT, c UNIQUE, PRIMARY KEY(b DESC, a)) WITHOUT ROWID; INSERT INTO w SELECT 'k' || i, i % 5, -i FROM {NUMBERS};
        CREATE TABLE g(a INTEGER, v AS (a * 2), s TEXT AS (a || 'x') STORED UNIQUE, b); INSERT INTO g(a, b) SELECT i, i FROM {NUMBERS};
        CREATE TABLE t(i INT, r REAL, a ANY UNIQUE) STRICT; INSERT INTO t SELECT i, i, '1' || i FROM {NUMBERS};
        CREATE TABLE "valise restores here 0"(a, b UNIQUE); INSERT INTO "valise restores here 0" SELECT i, -i FROM {NUMBERS};
        CREATE TABLE same(a, b); INSERT INTO same SELECT 1, 'two' FROM {NUMBERS};
        CREATE TABLE last(a UNIQUE); CREATE VIEW x AS SELECT a FROM u; CREATE TRIGGER r AFTER INSERT ON u BEGIN DELETE FROM s; END""",
    "many_in_full_vacuum": f"""
        PRAGMA auto_vacuum = 1; CREATE TABLE a(x UNIQUE, y); INSERT INTO a SELECT hex(i), zeroblob(5000) FROM {NUMBERS};
        CREATE TABLE b(x PRIMARY KEY); INSERT INTO b SELECT -i FROM {NUMBERS}; CREATE INDEX c ON a(y, x)""",
    "affinity_many": f"""
        CREATE TABLE t(a, b, c UNIQUE, d); INSERT INTO t SELECT '' || i, i, '-' || i, -0.0 FROM {NUMBERS};
        CREATE TABLE n(a, g AS (typeof(a)), s AS (typeof(a)) STORED); INSERT INTO n SELECT nullif(i % 3, 2) FROM {NUMBERS};
        PRAGMA writable_schema = ON;
        UPDATE sqlite_schema SET sql = 'CREATE TABLE t(a INTEGER, b TEXT, c INT UNIQUE, d REAL)' WHERE name = 't';
        UPDATE sqlite_schema SET sql = 'CREATE TABLE n(a TEXT NOT NULL, g AS (typeof(a)), s AS (typeof(a)) STORED)' WHERE name = 'n'""",
}
QUERIES = {
    "fts3": ("SELECT docid, title FROM f WHERE f MATCH 'run'", [(7, "One")]),
    "fts4": ("SELECT x FROM f WHERE f MATCH 'sleep'", [("cats sleep",)]),
    "fts5": ("SELECT body FROM \"f t\" WHERE \"f t\" MATCH 'do*'", [("dogs run",)]),
    "fts5_outside": ("SELECT rowid, body FROM f WHERE f MATCH 'cats'", [(8, "cats sleep")]),
    "rtree": ("SELECT id, note FROM r WHERE x0 >= 299 AND x1 <= 300", [(299, "n299")]),
    "sequence": ("SELECT * FROM sqlite_sequence ORDER BY name", [("a", 3), ("gone", 3), ("z", 5000)]),
    "affinity": ("SELECT typeof(a), typeof(c) FROM t LIMIT 1", [("text", "text")]),
}


def make(path: Path, script: str, encoding: str) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute(f"PRAGMA encoding = '{encoding}'")
    db.executescript(script)
    db.close()


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
@pytest.mark.parametrize("name", DATABASES)
def test_restored_is_the_same(valise: Run, valise_dump: Run, tmp_path: Path, name: str, encoding: str) -> None:
    source, dump, restored = tmp_path / "source.db", tmp_path / "dump", tmp_path / "restored.db"
    if name == "bytes" and encoding != "UTF-8":
        pytest.skip("bytes that are not UTF-8 exist in UTF-8 databases only")
    make(source, DATABASES[name], encoding)
    before = reference.read(source)
    dump.write_bytes(reference.full(before, chunk_size=100))

    said = valise("restore", "-o", restored, dump).stdout.decode()

    assert not [p.name for p in tmp_path.iterdir() if p.name.startswith("restored.db") and p != restored]
    after = reference.read(restored)
    assert before.state.hex() in said
    assert after.identity == before.identity
    assert after.state == before.state
    assert after.description == before.description
    assert stat.S_IMODE(restored.stat().st_mode) == 0o600
    valise_dump("-o", tmp_path / "again", restored)
    assert before.state.hex() in valise("info", tmp_path / "again").stdout.decode()
    db = sqlite3.connect(restored)
    if not name.startswith("affinity"):
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    if name in QUERIES:
        query, expected = QUERIES[name]
        assert db.execute(query).fetchall() == expected
    if name.startswith("fts"):
        table = '"f t"' if name == "fts5" else "f"
        db.execute(f"INSERT INTO {table}({table}) VALUES('integrity-check')")
    db.close()


@pytest.mark.parametrize("encoding", ["UTF-16le", "UTF-16be"])
def test_surrogates_and_marks(valise: Run, tmp_path: Path, encoding: str) -> None:
    """Texts of UTF-16 units that UTF-8 has no form for, and byte order marks, which SQLite likes to take off."""
    units = [b"\xd8\x3d", b"\xde\x00", b"\xde\x00\xd8\x3d", b"\xd8\x3d\xde\x00", b"\xfe\xff", b"\xff\xfe", b"\xfe\xff\xfe\xff\x00a",
             b"\xff\xfe\x00a", b"\x00\x00\x00a", b"\xd8\x00\xd8\x00\xdc\x00", b""]
    source, dump, restored = tmp_path / "source.db", tmp_path / "dump", tmp_path / "restored.db"
    db = sqlite3.connect(source)
    db.execute(f"PRAGMA encoding = '{encoding}'")
    db.execute("CREATE TABLE t(a)")
    for text in units:
        stored = text if encoding == "UTF-16be" else b"".join(text[i:i + 2][::-1] for i in range(0, len(text), 2))
        db.execute(f"INSERT INTO t VALUES(CAST(x'{stored.hex()}' AS TEXT))")
    db.commit()
    db.close()
    before = reference.read(source)
    assert len(set(before.tables[0].rows)) == len(units)
    dump.write_bytes(reference.full(before))
    valise("restore", "-o", restored, dump)
    assert reference.read(restored).state == before.state


@pytest.mark.parametrize("row_count", [1, 400])
def test_many_columns(valise: Run, tmp_path: Path, row_count: int) -> None:
    source, dump, restored = tmp_path / "source.db", tmp_path / "dump", tmp_path / "restored.db"
    make(source, f"CREATE TABLE t({', '.join(f'c{i} INTEGER' for i in range(400))});"
                 f"INSERT INTO t SELECT {', '.join(map(str, range(400)))} FROM {NUMBERS} LIMIT {row_count}", "UTF-8")
    before = reference.read(source)
    dump.write_bytes(reference.full(before))
    valise("restore", "-o", restored, dump)
    assert reference.read(restored).state == before.state


def test_chain(valise: Run, tmp_path: Path) -> None:
    """A full dump and two deltas: tables changed, emptied, made, dropped and altered."""
    source = tmp_path / "source.db"
    scripts = [
        "CREATE TABLE a(i INTEGER PRIMARY KEY, v); INSERT INTO a VALUES(1, 'x'), (2, 'y'), (3, 'z');"
        "CREATE TABLE m(v); INSERT INTO m VALUES(1), (1), (1), (2); CREATE TABLE gone(v); INSERT INTO gone VALUES(1);"
        "CREATE TABLE same(v); INSERT INTO same VALUES(5); CREATE TABLE alt(v); INSERT INTO alt VALUES(6)",
        "UPDATE a SET v = 'yy' WHERE i = 2; DELETE FROM m WHERE rowid = 2; DROP TABLE gone; CREATE TABLE fresh(v);"
        "INSERT INTO fresh VALUES(7); ALTER TABLE alt ADD COLUMN w DEFAULT 1",
        "DELETE FROM a; INSERT INTO m VALUES(1), (3); INSERT INTO alt VALUES(8, 9); VACUUM",
    ]
    states, paths = [], []
    for i, script in enumerate(scripts):
        make(source, script, "UTF-8")
        states.append(reference.read(source))
        paths.append(tmp_path / f"dump{i}")
    paths[0].write_bytes(reference.full(states[0], chunk_size=20))
    for i in (1, 2):
        one_unit = None if i == 1 else {t.name: 1 if t.name in (b"a", b"m") else len(t.rows) for t in states[1].tables}
        paths[i].write_bytes(reference.delta(states[i - 1], states[i], chunk_size=20, unit_counts=one_unit))
    for count in (1, 2, 3):
        valise("restore", "-o", tmp_path / f"r{count}.db", *paths[:count])
        assert reference.read(tmp_path / f"r{count}.db").state == states[count - 1].state
    refused = valise("restore", "-o", tmp_path / "no.db", paths[0], paths[2], status=9).stderr.decode()
    assert states[0].state.hex()[:16] in refused and states[1].state.hex()[:16] in refused
    assert b"give the full dump" in valise("restore", "-o", tmp_path / "no.db", paths[1], status=9).stderr
    assert not (tmp_path / "no.db").exists()


def test_broken_rows(valise: Run, tmp_path: Path) -> None:
    """Rows that break a constraint come back as they were, and are told of."""
    source, dump = tmp_path / "source.db", tmp_path / "dump"
    make(source, f"CREATE TABLE t(a, b); INSERT INTO t SELECT i, nullif(i, 5) FROM {NUMBERS}; PRAGMA writable_schema = ON;"
                 "UPDATE sqlite_schema SET sql = 'CREATE TABLE t(a CHECK (a > 1), b NOT NULL)'", "UTF-8")
    before = reference.read(source)
    dump.write_bytes(reference.full(before))
    said = valise("restore", "-o", tmp_path / "restored.db", dump).stdout
    assert b"  NULL value in t.b" in said and b"  CHECK constraint failed in t" in said
    assert reference.read(tmp_path / "restored.db").state == before.state


def test_rows_that_are_not_unique(valise: Run, tmp_path: Path) -> None:
    """A dump that no sound database gives: equal rows in a table that says UNIQUE."""
    source, dump = tmp_path / "source.db", tmp_path / "dump"
    for row_count in (3, 700):
        make(source, f"DROP TABLE IF EXISTS t; CREATE TABLE t(a, b UNIQUE); INSERT INTO t SELECT i, i FROM {NUMBERS} LIMIT {row_count}", "UTF-8")
        snapshot = reference.read(source)
        snapshot.tables[0].rows[0] = snapshot.tables[0].rows[1]
        dump.write_bytes(reference.full(snapshot))
        said = valise("restore", "-o", tmp_path / "no.db", dump, status=8).stderr
        assert b'table "t"' in said and b"UNIQUE constraint failed: t.b" in said
        assert [path.name for path in tmp_path.iterdir() if path.name.startswith("no.db")] == []


def test_homeserver(valise: Run, tmp_path: Path, snapshots: dict[str, Path]) -> None:
    read = {name: reference.read(path) for name, path in snapshots.items()}
    for name in "AC":
        (tmp_path / name).write_bytes(reference.full(read[name], chunk_size=1 << 16))
    (tmp_path / "AB").write_bytes(reference.delta(read["A"], read["B"], chunk_size=1 << 16))
    for target, chain in {"A": ["A"], "B": ["A", "AB"], "C": ["C"]}.items():
        restored = tmp_path / f"{target}.db"
        valise("restore", "-o", restored, *(tmp_path / part for part in chain))
        assert reference.read(restored).state == read[target].state
        a, b = (sqlite3.connect(path) for path in (snapshots[target], restored))
        search = "SELECT count(*) FROM event_search WHERE value MATCH ?"
        words = [w for (w,) in a.execute("SELECT DISTINCT substr(c4value, 1, instr(c4value || ' ', ' ') - 1) FROM event_search_content LIMIT 20")]
        assert words
        for word in words:
            assert a.execute(search, (f'"{word}"',)).fetchall() == b.execute(search, (f'"{word}"',)).fetchall()


# ------------------------------------------------------------------------------------------------ bad input


def test_nothing_is_replaced(valise: Run, tmp_path: Path) -> None:
    make(tmp_path / "source.db", "CREATE TABLE t(a)", "UTF-8")
    (tmp_path / "dump").write_bytes(reference.full(reference.read(tmp_path / "source.db")))
    for suffix in ("", "-wal", "-journal"):
        (tmp_path / f"there.db{suffix}").write_bytes(b"precious")
        said = valise("restore", "-o", tmp_path / "there.db", tmp_path / "dump", status=9).stderr.decode()
        assert f"there.db{suffix}" in said
        assert (tmp_path / f"there.db{suffix}").read_bytes() == b"precious"
        (tmp_path / f"there.db{suffix}").unlink()
    valise("restore", "-o", "-", tmp_path / "dump", status=2)
    valise("restore", tmp_path / "dump", status=2)
    valise("restore", "-o", tmp_path / "new.db", tmp_path / "missing", status=4)
    valise("restore", "-o", tmp_path / "no" / "folder.db", tmp_path / "dump", status=4)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dump", "source.db"]


def test_standard_input(valise: Run, tmp_path: Path) -> None:
    make(tmp_path / "source.db", "CREATE TABLE t(a); INSERT INTO t VALUES(1)", "UTF-8")
    before = reference.read(tmp_path / "source.db")
    valise("restore", "-o", tmp_path / "new.db", "-", stdin=reference.full(before))
    assert reference.read(tmp_path / "new.db").state == before.state


def snapshot_with_sql(tmp_path: Path, old: bytes, new: bytes) -> bytes:
    """A dump whose schema has other SQL than any SQLite wrote."""
    make(tmp_path / "source.db", "CREATE TABLE t(a); INSERT INTO t VALUES(1); CREATE INDEX i ON t(a)", "UTF-8")
    read = reference.read(tmp_path / "source.db")
    assert reference.text(old) in read.identity
    read.identity = read.identity.replace(reference.text(old), reference.text(new))
    return reference.full(read)


@pytest.mark.parametrize(("sql", "status"), [
    (b"ATTACH '/tmp/x' AS x", 9), (b"CREATE TABLE t(a); ATTACH '/tmp/x' AS x", 9), (b"PRAGMA user_version = 3", 9),
    (b"CREATE TABLE t(", 8), (b"CREATE TABLE u(a)", 8), (b"CREATE TABLE t(a, b)", 10), (b"", 9),
])
def test_hostile_schema(valise: Run, tmp_path: Path, sql: bytes, status: int) -> None:
    (tmp_path / "dump").write_bytes(snapshot_with_sql(tmp_path, b"CREATE TABLE t(a)", sql))
    said = valise("restore", "-o", tmp_path / "new.db", tmp_path / "dump", status=None)
    assert said.returncode in (status, 10), said.stderr
    assert said.returncode != 0 and not (tmp_path / "new.db").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dump", "source.db"]


def test_unknown_collation_is_refused(valise: Run, tmp_path: Path) -> None:
    (tmp_path / "dump").write_bytes(snapshot_with_sql(tmp_path, b"CREATE INDEX i ON t(a)", b"CREATE INDEX i ON t(a COLLATE icu)"))
    said = valise("restore", "-o", tmp_path / "new.db", tmp_path / "dump", status=8).stderr.decode()
    assert 'index "i"' in said and "icu" in said


def test_a_function_of_the_application(valise: Run, valise_dump: Run, tmp_path: Path) -> None:
    """In a CHECK, a view or a trigger it is but words; an index or column that is made of it cannot be made."""
    def source(script: str) -> Path:
        (tmp_path / "source.db").unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(tmp_path / "source.db")) as db:
            db.create_function("regexp", 2, lambda a, b: 1, deterministic=True)
            db.executescript(script)
        valise_dump("--force", "-o", tmp_path / "dump", tmp_path / "source.db")
        return tmp_path / "source.db"

    path = source("CREATE TABLE t(a CHECK (a REGEXP 'x'), b CHECK (b > 0)); CREATE VIEW v AS SELECT a REGEXP 'y' FROM t; INSERT INTO t VALUES('x', 1);"
                  "CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT new.a REGEXP 'z'; END")
    valise("restore", "-o", tmp_path / "restored.db", tmp_path / "dump")
    assert reference.read(tmp_path / "restored.db").state == reference.read(path).state
    valise("schema", tmp_path / "dump")
    for part in ["CREATE INDEX i ON t(a REGEXP 'x')", "ALTER TABLE t RENAME TO u; CREATE TABLE t(a, b AS (a REGEXP 'x') STORED)"]:
        source(f"CREATE TABLE t(a); {part}; INSERT INTO t VALUES('x')")
        said = valise("restore", "-o", tmp_path / "new.db", tmp_path / "dump", status=8).stderr.decode()
        assert "function" in said and "regexp()" in said.lower() and "valise cat" in said
        assert not (tmp_path / "new.db").exists()


def test_damage_is_found(valise: Run, tmp_path: Path) -> None:
    make(tmp_path / "source.db", "CREATE TABLE t(a); INSERT INTO t VALUES(randomblob(1000))", "UTF-8")
    dump = bytearray(reference.full(reference.read(tmp_path / "source.db")))
    dump[len(dump) // 3] ^= 1
    (tmp_path / "dump").write_bytes(dump)
    valise("restore", "-o", tmp_path / "new.db", tmp_path / "dump", status=6)
    assert not (tmp_path / "new.db").exists()
