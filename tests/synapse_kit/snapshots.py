"""A copy of a homeserver.db: what it says of itself, and how to bring it up to the Synapse at hand."""
from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .configuration import Installation, database_section, homeserver_yaml
from .process import prepare

FULL_SCHEMA = 72   # deltas up to here are in the schema that a new database begins with
SYNAPSE_TABLES = {"schema_version", "applied_schema_deltas", "background_updates", "events", "event_json", "users", "rooms"}


class NotSynapse(Exception):
    """The file is no database of a homeserver."""


@dataclass(frozen=True)
class Facts:
    """What decides whether two databases of homeservers fit together."""

    server_name: str
    schema_version: int
    deltas: frozenset[str]           # those that both engines have
    pending: tuple[str, ...]         # background updates that have not run


@contextlib.contextmanager
def opened(snapshot: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(f"{snapshot.resolve().as_uri()}?mode=ro", uri=True)
    with contextlib.closing(connection):
        yield connection


def facts_of(snapshot: Path) -> Facts:
    """Read the facts of a SQLite database; NotSynapse if it isn't one of a homeserver."""
    try:
        with opened(snapshot) as db:
            tables = {row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
            if not SYNAPSE_TABLES <= tables:
                raise NotSynapse(f"{snapshot} has no table {min(SYNAPSE_TABLES - tables)}: it is no homeserver.db")
            deltas = db.execute("SELECT file FROM applied_schema_deltas WHERE version > ?", (FULL_SCHEMA,)).fetchall()
            user = db.execute("SELECT name FROM users LIMIT 1").fetchone()
            return Facts(
                user[0].split(":", 1)[1] if user else "localhost",
                db.execute("SELECT version FROM schema_version").fetchone()[0],
                frozenset(file for file, in deltas if not file.endswith((".sql.sqlite", ".sql.postgres"))),
                tuple(name for name, in db.execute("SELECT update_name FROM background_updates ORDER BY ordering")))
    except sqlite3.Error as error:
        raise NotSynapse(f"{snapshot}: {error}") from error


def current_facts(installation: Installation, folder: Path) -> Facts:
    """The facts of a new database of this Synapse, made in `folder`."""
    return updated(installation, folder / "empty.db", folder, "localhost")


def upgrade(installation: Installation, copy: Path, folder: Path) -> Facts:
    """Bring a copy up to this Synapse and finish its background updates, in place."""
    return updated(installation, copy, folder, facts_of(copy).server_name)


def updated(installation: Installation, database: Path, folder: Path, server_name: str) -> Facts:
    config = folder / (database.name + ".yaml")
    section = database_section(f"sqlite:{database}", installation)
    config.write_text(homeserver_yaml(section, installation.inside(folder), 0, server_name), encoding="utf-8")
    prepare(installation, config)
    with contextlib.closing(sqlite3.connect(database)) as db:
        db.execute("PRAGMA journal_mode = DELETE")   # one file again, not two
    return facts_of(database)
