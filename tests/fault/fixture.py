"""A small database that has all that makes a resumed replay go wrong, and the PostgreSQL schema that goes with it."""
from __future__ import annotations

import contextlib
import json
import random
import sqlite3
from pathlib import Path

SQLITE_SCHEMA = """
CREATE TABLE person (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, "Is admin" BOOLEAN, extra JSON);
CREATE TABLE event (event_id TEXT PRIMARY KEY, ordering INTEGER NOT NULL, sender INTEGER REFERENCES person (id),
    room TEXT, body TEXT, raw BLOB);
CREATE TABLE state (room TEXT, "type" TEXT, event_id TEXT);
CREATE TABLE membership (event_id TEXT REFERENCES event (event_id), person INTEGER REFERENCES person (id), room TEXT);
CREATE TABLE token (id INTEGER PRIMARY KEY, "next" INTEGER REFERENCES token (id), secret TEXT);
CREATE TABLE chicken (id INTEGER PRIMARY KEY, egg INTEGER);
CREATE TABLE egg (id INTEGER PRIMARY KEY, chicken INTEGER);
CREATE TABLE position (name TEXT, value INTEGER);
CREATE TABLE cache (k TEXT, v INTEGER);
CREATE TABLE amount (a NUMERIC, b REAL, c TIMESTAMP);
CREATE TABLE document (docid INTEGER PRIMARY KEY, body TEXT);
CREATE TABLE void (id INTEGER PRIMARY KEY);
CREATE TABLE "Odd ""name" ("the ""Key" TEXT PRIMARY KEY, "select" TEXT);
CREATE TABLE bulk (number INTEGER, padding BLOB);
"""

POSTGRESQL_SCHEMA = """
CREATE TABLE person (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE,
    "Is admin" boolean, extra jsonb, short text GENERATED ALWAYS AS (left(name, 3)) STORED);
CREATE TABLE event (event_id text NOT NULL, ordering bigint NOT NULL, sender bigint, room text, body text,
    raw bytea, CONSTRAINT event_key PRIMARY KEY (event_id) WITH (fillfactor = 80), CONSTRAINT event_order UNIQUE (ordering) DEFERRABLE);
ALTER TABLE event ADD CONSTRAINT event_sender FOREIGN KEY (sender) REFERENCES person ON DELETE SET NULL;
CREATE INDEX event_room ON event (room, ordering DESC) WHERE room <> 'x';
CREATE INDEX event_lower ON event (lower(body) text_pattern_ops);
CREATE UNIQUE INDEX event_both ON event (room, event_id) INCLUDE (ordering);
CREATE INDEX event_hash ON event USING hash (room);
COMMENT ON CONSTRAINT event_key ON event IS 'it''s the key';
COMMENT ON INDEX event_key IS 'its index';
COMMENT ON INDEX event_room IS 'by \\ room';
COMMENT ON CONSTRAINT event_sender ON event IS 'who';
ALTER TABLE event CLUSTER ON event_both;
ALTER TABLE event REPLICA IDENTITY USING INDEX event_key;
ALTER INDEX event_lower ALTER COLUMN 1 SET STATISTICS 300;
CREATE TABLE state (room text, type text, event_id text);
CREATE INDEX state_room ON state (room);
CREATE TABLE membership (event_id text, person bigint, room text);
ALTER TABLE membership ADD CONSTRAINT membership_event FOREIGN KEY (event_id) REFERENCES event (event_id)
    ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE membership ADD CONSTRAINT membership_person FOREIGN KEY (person) REFERENCES person NOT VALID;
ALTER TABLE membership ADD CONSTRAINT membership_room CHECK (room <> 'nowhere') NOT VALID;
CREATE TABLE token (id bigint PRIMARY KEY, "next" bigint, secret text, CONSTRAINT token_next FOREIGN KEY ("next") REFERENCES token);
CREATE TABLE chicken (id int PRIMARY KEY, egg int);
CREATE TABLE egg (id int PRIMARY KEY, chicken int CONSTRAINT egg_chicken REFERENCES chicken);
ALTER TABLE chicken ADD CONSTRAINT chicken_egg FOREIGN KEY (egg) REFERENCES egg;
CREATE TABLE position (name text, value bigint, CONSTRAINT position_alone EXCLUDE USING btree (name WITH =));
CREATE UNLOGGED TABLE cache (k text, v int);
CREATE INDEX cache_k ON cache (k);
CREATE TABLE amount (a numeric(20, 4), b double precision, c timestamp);
CREATE TABLE document (docid bigint, words tsvector, length int);
CREATE INDEX document_words ON document USING gin (words);
CREATE TABLE void (id int PRIMARY KEY);
CREATE TABLE "Odd ""name" ("the ""Key" text PRIMARY KEY, "select" text);
CREATE TABLE bulk (number bigint, padding bytea);
ALTER TABLE bulk ALTER COLUMN padding SET STORAGE EXTERNAL;
CREATE INDEX bulk_number ON bulk (number);
CREATE TABLE version (version int NOT NULL);
CREATE TABLE locks (name text PRIMARY KEY);
CREATE TABLE audit (what text);
CREATE SEQUENCE stream_seq;
CREATE SEQUENCE odd_seq INCREMENT -1 MINVALUE -1000000 MAXVALUE -1 START -1;
CREATE FUNCTION check_event() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT EXISTS (SELECT 1 FROM event WHERE event_id = NEW.event_id) THEN RAISE EXCEPTION 'no event'; END IF;
        RETURN NEW;
    END $$;
CREATE FUNCTION write_audit() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN INSERT INTO audit VALUES (TG_TABLE_NAME); RETURN NEW; END $$;
CREATE TRIGGER check_it BEFORE INSERT ON membership FOR EACH ROW EXECUTE FUNCTION check_event();
CREATE TRIGGER audit_always AFTER INSERT ON state FOR EACH ROW EXECUTE FUNCTION write_audit();
ALTER TABLE state ENABLE ALWAYS TRIGGER audit_always;
CREATE TRIGGER audit_off AFTER INSERT ON event FOR EACH ROW EXECUTE FUNCTION write_audit();
ALTER TABLE event DISABLE TRIGGER audit_off;
CREATE TRIGGER audit_replica AFTER INSERT ON token FOR EACH STATEMENT EXECUTE FUNCTION write_audit();
ALTER TABLE token ENABLE REPLICA TRIGGER audit_replica;
CREATE CONSTRAINT TRIGGER audit_later AFTER INSERT ON cache DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION write_audit();
CREATE TRIGGER audit_seed BEFORE INSERT OR DELETE OR TRUNCATE ON position FOR EACH STATEMENT EXECUTE FUNCTION write_audit();
COMMENT ON TRIGGER check_it ON membership IS 'raises';
GRANT SELECT ON event TO PUBLIC;
ALTER TABLE person ALTER COLUMN name SET (n_distinct = -1);
CREATE STATISTICS event_statistics ON room, sender FROM event;
INSERT INTO version VALUES (7);
INSERT INTO locks VALUES ('held by the old server');
INSERT INTO position VALUES ('events', 1), ('rooms', 1);
INSERT INTO person (name) VALUES ('seed');
SELECT setval('stream_seq', 42);
"""

PROFILE = """
profile: fault
title: the fault harness
format: 1
recognise: [event, state, membership]
tables:
  position: {seed_rows: 2}
  person: {seed_rows: 1}
  version: {action: keep}
  audit: {action: keep}
  locks: {action: empty}
  document:
    action: derive
    from: document
    columns: {docid: {source: docid, type: bigint}, body: {source: body}}
    insert: >-
      INSERT INTO document SELECT docid, to_tsvector('english', body), length(body) FROM %{staging}
sequences:
  stream_seq: {kind: stream, max: [event.ordering]}
  odd_seq: {kind: keep}
  person_id_seq: {kind: counter, max: [person.id]}
"""

ROOMS = ["!a:x", "!ö:x", "x", "!a'\"\\:x", "!\U0001f389:x"]


def events(dice: random.Random, count: int) -> list[tuple[object, ...]]:
    return [(f"${n:08}é" if n % 7 else f"$odd{n}", n, dice.choice([None, 1 + n % 400]), dice.choice(ROOMS),
             "word " * dice.randrange(30), dice.randbytes(dice.randrange(20)) if n % 3 else None) for n in range(count)]


def fill(db: sqlite3.Connection, dice: random.Random, count: int, bulk_size: int) -> None:
    rows = events(dice, count)
    db.executemany("INSERT INTO person VALUES (?, ?, ?, ?)", (
        (n, f"person {n}", dice.choice([0, 1, None]), json.dumps({"n": n, "é": [None, n / 4]})) for n in range(1, 401)))
    db.executemany("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?)", rows)
    db.executemany("INSERT INTO state VALUES (?, ?, ?)", (
        (dice.choice(ROOMS), dice.choice(["m", None]), f"$s{dice.randrange(count // 3)}") for _ in range(count)))
    # persons above 400 do not exist: the key that is NOT VALID lets them be
    db.executemany("INSERT INTO membership VALUES (?, ?, ?)", (
        (dice.choice(rows)[0], dice.randrange(1, 450), dice.choice(ROOMS + ["nowhere"][:0])) for _ in range(count // 4)))
    db.executemany("INSERT INTO token VALUES (?, ?, ?)", ((n, n + 1 if n < 500 else None, f"t{n}") for n in range(1, 501)))
    db.executemany("INSERT INTO chicken VALUES (?, ?)", ((n, 301 - n) for n in range(1, 301)))
    db.executemany("INSERT INTO egg VALUES (?, ?)", ((n, n) for n in range(1, 301)))
    db.executemany("INSERT INTO position VALUES (?, ?)", [("events", count), ("rooms", 3), ("new", None)])
    db.executemany("INSERT INTO cache VALUES (?, ?)", ((f"k{n % 50}", n) for n in range(800)))
    db.executemany("INSERT INTO amount VALUES (?, ?, ?)", (
        (n / 4, dice.random(), f"2026-01-{n % 28 + 1:02} 00:00:00") for n in range(500)))
    db.executemany("INSERT INTO document VALUES (?, ?)", ((n, f"a document about {n} things") for n in range(1, 1500)))
    db.executemany('INSERT INTO "Odd ""name" VALUES (?, ?)', ((f"k{n}", None) for n in range(40)))
    db.executemany("INSERT INTO bulk VALUES (?, ?)", ((n, dice.randbytes(8000)) for n in range(bulk_size // 8000)))


def make(path: Path, count: int, bulk_size: int) -> None:
    """Write the SQLite database; the same one every time. A large bulk_size makes a table of several parts."""
    dice = random.Random(1)
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.executescript(SQLITE_SCHEMA)
        fill(db, dice, count, bulk_size)
