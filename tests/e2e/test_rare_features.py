"""What few databases have: collations in which other bytes are equal, and what PostgreSQL 18 brought. Deltas are as exact as elsewhere."""
from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import postgres_versions
from conftest import Database, Server, serving
from delta_pair import Pair, follow
from programs import DUMP, succeed

ROWS = 20500   # more than are loaded with their indexes in place
NUMBERS = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}) "
LOOSE = "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"


@pytest.fixture(scope="module")
def newest() -> Iterator[Server]:
    """PostgreSQL 18."""
    folder = Path(tempfile.mkdtemp(prefix="valise-newest-", dir="/tmp"))
    try:
        folder.chmod(0o755)
        try:
            binaries = postgres_versions.programs_of("18", folder / "programs")
        except postgres_versions.Unavailable as error:
            pytest.skip(f"no PostgreSQL 18: {error}")
        with serving(VALISE_PG_BINDIR=str(binaries)) as server:
            yield server
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def new_database(newest: Server) -> Iterator[Database]:
    name = newest.create()
    yield Database(newest, name)
    newest.drop(name)


def test_keys_in_which_other_bytes_are_equal(tmp_path: Path, database: Database) -> None:
    """A key that changes in its case alone changes, and references mean rows of another case."""
    follow(Pair(tmp_path, database, f"""
        CREATE TABLE p (id TEXT PRIMARY KEY, n INTEGER);
        CREATE TABLE q (id INTEGER PRIMARY KEY, p TEXT, v TEXT);
        INSERT INTO p {NUMBERS} SELECT 'name' || i, i FROM n;
        INSERT INTO q SELECT n, 'NAME' || n, 'v' || n FROM p;
    """, f"""{LOOSE}
        CREATE TABLE p (id text COLLATE ci PRIMARY KEY, n int);
        CREATE TABLE q (id bigint PRIMARY KEY, p text COLLATE ci REFERENCES p ON DELETE CASCADE, v text COLLATE ci NOT NULL);
        CREATE INDEX ON q (v);
    """), """
        UPDATE p SET id = upper(id) WHERE n % 10 = 0; UPDATE p SET n = -n WHERE n % 11 = 0;
        DELETE FROM q WHERE id % 13 = 0; DELETE FROM p WHERE n % 13 = 0;
        UPDATE q SET v = upper(v) WHERE id % 17 = 0; UPDATE q SET p = lower(p) WHERE id % 19 = 0;""")


def test_rows_in_which_other_bytes_are_equal(tmp_path: Path, database: Database) -> None:
    """Without a key a row is found by all of its bytes."""
    follow(Pair(tmp_path, database, f"""
        CREATE TABLE p (v TEXT, n INTEGER);
        INSERT INTO p {NUMBERS} SELECT 'name' || i, i FROM n;
        INSERT INTO p SELECT upper(v), n FROM p WHERE n % 3 = 0;
    """, f"{LOOSE} CREATE TABLE p (v text COLLATE ci, n int);"), """
        DELETE FROM p WHERE v = upper(v) AND n % 2 = 0; DELETE FROM p WHERE v = lower(v) AND n % 2 = 1;
        UPDATE p SET v = 'Name' || n WHERE n % 50 = 0;""")


def test_foreign_keys_that_are_not_enforced(tmp_path: Path, new_database: Database) -> None:
    """They demand nothing and take no row along."""
    follow(Pair(tmp_path, new_database, f"""
        CREATE TABLE p (id INTEGER PRIMARY KEY, n INTEGER);
        CREATE TABLE q (id INTEGER PRIMARY KEY, p INTEGER);
        INSERT INTO p {NUMBERS} SELECT i, i FROM n WHERE i % 4;
        INSERT INTO q {NUMBERS} SELECT i, i FROM n;
    """, """
        CREATE TABLE p (id bigint PRIMARY KEY, n int CONSTRAINT few CHECK (n < 3) NOT ENFORCED);
        CREATE TABLE q (id bigint PRIMARY KEY, p bigint CONSTRAINT k REFERENCES p ON DELETE CASCADE NOT ENFORCED);
    """), "DELETE FROM p WHERE id % 6 = 1; UPDATE q SET p = p + 1 WHERE id % 7 = 0")


@pytest.mark.parametrize("rules", [
    "CREATE RULE r AS ON INSERT TO q DO INSTEAD NOTHING; CREATE RULE odd AS ON INSERT TO p DO ALSO NOTIFY x; ALTER TABLE p DISABLE RULE odd",
    "CREATE RULE r AS ON UPDATE TO q DO INSTEAD NOTHING; CREATE RULE \"a rule\" AS ON DELETE TO p DO INSTEAD NOTHING;"
    "ALTER TABLE p ENABLE ALWAYS RULE \"a rule\"",
    "CREATE TABLE seen (id bigint); CREATE RULE r AS ON DELETE TO p DO ALSO INSERT INTO seen VALUES (old.id)"])
def test_rules_are_as_triggers(tmp_path: Path, database: Database, rules: str) -> None:
    """None of them takes part, neither in a delta nor in what a newer full dump replaces."""
    pair = Pair(tmp_path, database, f"""
        CREATE TABLE p (id INTEGER PRIMARY KEY, n INTEGER); CREATE TABLE q (id INTEGER PRIMARY KEY, p INTEGER);
        INSERT INTO p {NUMBERS} SELECT i, i % 7 FROM n WHERE i < 3000; INSERT INTO q SELECT id, id FROM p;
    """, f"CREATE TABLE p (id bigint PRIMARY KEY, n int); CREATE TABLE q (id bigint PRIMARY KEY, p bigint REFERENCES p); {rules};")
    defined = "SELECT ev_class::regclass::text, rulename, ev_enabled FROM pg_rewrite WHERE oid >= 16384 ORDER BY 1, 2"
    before = database.query(defined)
    follow(pair, "DELETE FROM q WHERE id % 9 = 0; DELETE FROM p WHERE id % 9 = 0; UPDATE p SET n = n + 1 WHERE id % 5 = 0;"
                 "UPDATE q SET p = p - 1 WHERE id % 9 = 2; INSERT INTO p VALUES (9000, 1); INSERT INTO q VALUES (9000, 9000)")
    pair.edit("DELETE FROM q; UPDATE p SET n = 0 WHERE id % 3 = 0")
    newer = tmp_path / "newer.valise"
    succeed(DUMP, "-o", newer, pair.source)
    pair.replay(newer)
    assert database.query("SELECT count(*), sum(n) FROM p UNION ALL SELECT count(*), sum(p) FROM q")[1] == (0, None)
    assert database.query(defined) == before
