"""Deltas where rows refer to rows: no action of a foreign key and no trigger may do what the delta does not say."""
from __future__ import annotations

from pathlib import Path

from conftest import Database
from delta_pair import Pair, follow
from programs import REFUSED


FAMILY = """
CREATE TABLE parent (id INTEGER PRIMARY KEY, v TEXT);
CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER NOT NULL REFERENCES parent ON DELETE CASCADE, v TEXT);
CREATE TABLE keyless (parent INTEGER REFERENCES parent ON DELETE SET NULL, v TEXT);
CREATE TABLE strict (id INTEGER PRIMARY KEY, child INTEGER REFERENCES child ON DELETE RESTRICT);
CREATE TABLE plain (id INTEGER PRIMARY KEY, child INTEGER REFERENCES child);
"""


def family(tmp_path: Path, database: Database) -> Pair:
    pair = Pair(tmp_path, database, FAMILY)
    pair.edit("INSERT INTO parent VALUES (1, 'a'), (2, 'b'), (3, 'c');"
              "INSERT INTO child VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 2, 'c'), (4, 3, 'd');"
              "INSERT INTO keyless VALUES (1, 'x'), (1, 'x'), (2, 'x'), (NULL, 'x'), (3, NULL);"
              "INSERT INTO strict VALUES (1, 1), (2, 3), (3, NULL); INSERT INTO plain VALUES (1, 2), (2, 4), (3, 3)")
    return pair


def test_cascades_take_no_rows_along(tmp_path: Path, database: Database) -> None:
    follow(family(tmp_path, database), """
        UPDATE parent SET v = 'changed' WHERE id = 1;
        UPDATE child SET parent = 3 WHERE id = 3;
        UPDATE keyless SET parent = 3 WHERE parent = 2;
        DELETE FROM parent WHERE id = 2;
        INSERT INTO parent VALUES (4, 'd');
        UPDATE child SET parent = 4 WHERE id = 1;
        DELETE FROM strict WHERE id = 2;
        DELETE FROM plain WHERE id = 2;
        DELETE FROM child WHERE id = 4""")


def test_rows_that_stay_are_not_taken_along(tmp_path: Path, database: Database) -> None:
    """The snapshot leaves rows behind that refer to nothing: PostgreSQL would delete them silently."""
    pair = family(tmp_path, database)
    pair.replay(pair.dump())
    pair.edit("DELETE FROM parent WHERE id = 3")
    delta = pair.dump()
    pair.refuse(REFUSED, ['"parent"', "id = 3", "refer to it"], delta)
    pair.check(0)


def test_a_table_that_refers_to_itself(tmp_path: Path, database: Database) -> None:
    pair = Pair(tmp_path, database, "CREATE TABLE t (id INTEGER PRIMARY KEY, next INTEGER REFERENCES t ON DELETE CASCADE, v TEXT);"
                                    "CREATE TABLE u (id INTEGER PRIMARY KEY, next INTEGER REFERENCES u);")
    pair.edit("INSERT INTO t VALUES (1, 2, 'a'), (2, 3, 'b'), (3, NULL, 'c'), (4, 4, 'd'), (5, 4, 'e');"
              "INSERT INTO u VALUES (1, 2), (2, 3), (3, NULL), (4, 4)")
    follow(pair, "UPDATE t SET next = 5 WHERE id = 1; DELETE FROM t WHERE id IN (2, 3); INSERT INTO t VALUES (6, 7, 'f'), (7, NULL, 'g');"
                 "UPDATE t SET next = NULL WHERE id = 5; DELETE FROM t WHERE id = 4;"
                 "UPDATE u SET next = 4 WHERE id = 1; DELETE FROM u WHERE id IN (2, 3); INSERT INTO u VALUES (5, 6), (6, 1)")


def test_tables_that_refer_to_each_other(tmp_path: Path, database: Database) -> None:
    pair = Pair(tmp_path, database, """
        CREATE TABLE a (id INTEGER PRIMARY KEY, b INTEGER, v TEXT);
        CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER, v TEXT);""", """
        CREATE TABLE a (id INTEGER PRIMARY KEY, b INTEGER, v TEXT);
        CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER REFERENCES a ON DELETE CASCADE, v TEXT);
        ALTER TABLE a ADD CONSTRAINT a_b FOREIGN KEY (b) REFERENCES b ON DELETE CASCADE;""")
    pair.edit("INSERT INTO a VALUES (1, 1, 'x'), (2, 2, 'y'), (3, NULL, 'z'); INSERT INTO b VALUES (1, 2, 'x'), (2, 1, 'y'), (3, 3, 'z')")
    follow(pair, "UPDATE a SET b = 3 WHERE id = 1; UPDATE b SET a = 1 WHERE id = 3; DELETE FROM b WHERE id = 1;"
                 "DELETE FROM a WHERE id = 3; INSERT INTO b VALUES (4, 2, 'new'); UPDATE a SET v = 'yy', b = 4 WHERE id = 2;"
                 "DELETE FROM b WHERE id = 2")


def test_triggers_and_not_valid_keys_stay_as_they_are(tmp_path: Path, database: Database) -> None:
    tables = "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER, v TEXT);"
    pair = Pair(tmp_path, database, tables, tables + """
        ALTER TABLE c ADD CONSTRAINT c_p FOREIGN KEY (p) REFERENCES p ON DELETE CASCADE NOT VALID;
        CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'fired'; END $$;
        CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON c FOR EACH ROW EXECUTE FUNCTION never();""")
    pair.edit("INSERT INTO p VALUES (1), (2); INSERT INTO c VALUES (1, 1, 'a'), (2, 2, 'b')")
    follow(pair, "DELETE FROM c WHERE id = 1; UPDATE c SET v = 'c' WHERE id = 2; DELETE FROM p WHERE id = 1; INSERT INTO c VALUES (3, 2, 'd')")
