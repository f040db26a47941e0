"""What Synapse's two search tables must hold: FTS4 tables on SQLite, tsvector columns on PostgreSQL.

The vectors are computed as Synapse's own code does it, from what the SQLite side holds, by the server that holds the target.
"""
from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

Row = tuple[Any, ...]
Parts = list[tuple[str, list[Row], list[Row]]]
BATCH = 500


def vectors(target: Any, expression: str, rows: list[Row], kinds: str) -> Iterator[str]:
    """The text of `expression` for each row, the columns of which are named a, b, ..."""
    with target.cursor() as cursor:
        names = ", ".join("abcd"[:len(kinds.split(","))])
        for start in range(0, len(rows), BATCH):
            columns = [list(column) for column in zip(*rows[start:start + BATCH])]
            arrays = ", ".join(f"%s::{kind}[]" for kind in kinds.split(","))
            cursor.execute(f"SELECT ({expression})::text FROM unnest({arrays}) WITH ORDINALITY AS r({names}, n) ORDER BY n",
                           columns)
            yield from (row[0] for row in cursor.fetchall())


def text(value: bytes) -> str:
    return value.decode().replace("\0", " ")   # as Synapse itself writes it


def fetch(target: Any, statement: str) -> list[Row]:
    with target.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def event_search(source: sqlite3.Connection, target: Any) -> Parts:
    found = fetch(target, "SELECT event_id, room_id, sender, key, origin_server_ts, stream_ordering, vector::text "
                          "FROM event_search")
    rows = source.execute("SELECT s.event_id, s.room_id, s.sender, s.key, e.origin_server_ts, e.stream_ordering, s.value "
                          "FROM event_search s JOIN events e USING (event_id, room_id)").fetchall()
    decoded = [tuple(text(v) if isinstance(v, bytes) else v for v in row) for row in rows]
    words = vectors(target, "to_tsvector('english', a)", [(row[6],) for row in decoded], "text")
    return [("", [row[:6] + (vector,) for row, vector in zip(decoded, words)], found)]


def user_directory_search(source: sqlite3.Connection, target: Any) -> Parts:
    """The value is "<user id>" or "<user id> <folded display name>"; each part has its weight."""
    found = fetch(target, "SELECT user_id, vector::text FROM user_directory_search")
    users = []
    for user, value in source.execute("SELECT user_id, value FROM user_directory_search"):
        user_id, _, name = text(value).partition(" ")
        localpart, _, server = text(user)[1:].partition(":")
        assert user_id == text(user), f"{value!r} does not begin with {user!r}"
        users.append((text(user), localpart, server, name))
    words = vectors(target, "setweight(to_tsvector('simple', a), 'A') || setweight(to_tsvector('simple', b), 'D') "
                            "|| setweight(to_tsvector('simple', c), 'B')", [user[1:] for user in users], "text,text,text")
    return [("", [(user[0], vector) for user, vector in zip(users, words)], found)]
