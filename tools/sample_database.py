"""A small shop: a SQLite database that uses much of what SQLite allows, and the PostgreSQL schema that goes with it."""
from __future__ import annotations

import contextlib
import json
import random
import sqlite3
from pathlib import Path

SQLITE_SCHEMA = """
CREATE TABLE customer (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, is_active BOOLEAN,
    joined TIMESTAMP NOT NULL, balance NUMERIC, recommended_by INTEGER REFERENCES customer (id));
CREATE UNIQUE INDEX customer_name ON customer (name);
CREATE TABLE product (sku TEXT PRIMARY KEY, title TEXT NOT NULL, weight REAL, photo BLOB, attributes JSON);
CREATE TABLE "order" (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customer (id), note TEXT);
CREATE INDEX order_customer ON "order" (customer_id);
CREATE TABLE order_line (order_id INTEGER NOT NULL REFERENCES "order" (id), position INTEGER NOT NULL,
    sku TEXT NOT NULL REFERENCES product (sku), amount INTEGER NOT NULL, PRIMARY KEY (order_id, position)) WITHOUT ROWID;
CREATE TABLE setting (name TEXT, value ANY);
CREATE TABLE never_used (id INTEGER PRIMARY KEY, reason TEXT);
"""

POSTGRESQL_SCHEMA = """
CREATE TABLE customer (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, is_active boolean,
    joined timestamp NOT NULL, balance numeric(12, 2), recommended_by bigint REFERENCES customer (id));
CREATE UNIQUE INDEX customer_name ON customer (name);
CREATE TABLE product (sku text PRIMARY KEY, title text NOT NULL, weight double precision, photo bytea, attributes jsonb);
CREATE TABLE "order" (id bigserial PRIMARY KEY, customer_id bigint NOT NULL REFERENCES customer (id), note text);
CREATE INDEX order_customer ON "order" (customer_id);
CREATE TABLE order_line (order_id bigint NOT NULL REFERENCES "order" (id), position integer NOT NULL,
    sku text NOT NULL REFERENCES product (sku), amount smallint NOT NULL, PRIMARY KEY (order_id, position));
CREATE TABLE setting (name text, value text);
CREATE TABLE never_used (id bigint PRIMARY KEY, reason text);
"""

CUSTOMERS, PRODUCTS, ORDERS = 2000, 300, 8000
NAMES = ["Alice", "Ünïcødé", "O'Brien", 'the "quoted"', "名前", "back\\slash", "tab\there", "emoji 🎉"]


def make(path: Path) -> None:
    """Write the SQLite database; the same one every time."""
    dice = random.Random(1)
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.executescript(SQLITE_SCHEMA)
        db.executemany("INSERT INTO customer VALUES (?, ?, ?, ?, ?, ?)", (
            (n, f"{dice.choice(NAMES)} {n}", dice.choice([0, 1, None]),
             f"20{n % 26:02}-{n % 12 + 1:02}-{n % 28 + 1:02} {n % 24:02}:{n % 60:02}:00",
             dice.choice([None, dice.randrange(-10**6, 10**6) / 4, n]),
             dice.choice([None, dice.randrange(1, CUSTOMERS + 1)]))   # also of somebody who comes later
            for n in range(1, CUSTOMERS + 1)))
        db.executemany("INSERT INTO product VALUES (?, ?, ?, ?, ?)", (
            (f"sku-{n}", f"Product № {n}", dice.choice([None, 0.1 * n, 1e-300, -0.0]),
             dice.randbytes(dice.randrange(4000)) if n % 3 else None,
             json.dumps({"colour": dice.choice(NAMES), "sizes": [n, n / 8], "é": None}, ensure_ascii=False))
            for n in range(PRODUCTS)))
        db.executemany('INSERT INTO "order" VALUES (?, ?, ?)', (
            (n, dice.randrange(1, CUSTOMERS + 1), dice.choice([None, "", "leave it at the door\r\n\\."]))
            for n in range(1, ORDERS + 1)))
        db.executemany("INSERT INTO order_line VALUES (?, ?, ?, ?)", (
            (n, position, f"sku-{dice.randrange(PRODUCTS)}", dice.randrange(1, 100))
            for n in range(1, ORDERS + 1) for position in range(dice.randrange(5))))
        db.executemany("INSERT INTO setting VALUES (?, ?)", [("currency", "EUR"), ("year", 2026), ("empty", None)])
