"""A real Synapse on either database, as the tests use it."""
from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import ports
import programs
from conftest import Database
from synapse_kit.check import Check
from synapse_kit.client import Client
from synapse_kit.configuration import Installation, homeserver_yaml
from synapse_kit.expectations import Expectations
from synapse_kit.process import prepare, start, stop

SERVER_NAME = "localhost:8800"
OWNER, PASSWORD = "synapse_user", "it's a \"password\" \\ é"
ASSERTS = programs.ROOT / "tests/startup_asserts.sql"


def shared_snapshots() -> Path:
    """The folder of ready-made snapshots, which need not exist."""
    named = os.environ.get("VALISE_SHARED")
    return (Path(named) if named else programs.ROOT.parent / "shared") / "synapse"


class Homeserver:
    """A folder with a configuration, a media store and a log."""

    def __init__(self, installation: Installation, folder: Path, database: object) -> None:
        self.installation, self.folder = installation, folder
        folder.mkdir(parents=True, exist_ok=True)
        port = ports.free()
        self.config, self.log = folder / "homeserver.yaml", folder / "homeserver.log"
        self.config.write_text(homeserver_yaml(database, installation.inside(folder), port, SERVER_NAME), encoding="utf-8")
        self.url = f"http://127.0.0.1:{port}"

    def prepare(self) -> None:
        prepare(self.installation, self.config)

    @contextlib.contextmanager
    def running(self) -> Iterator[Client]:
        start(self.installation, self.config, self.folder)
        try:
            yield Client(self.url)
        finally:
            stop(self.folder)

    def check(self, expectations: Path) -> None:
        """Start, and demand that every expectation holds, and that the log has no complaint."""
        with self.running() as client:
            check = Check(client, Expectations.load(expectations), self.log)
            check.run()
        assert not check.failures, f"{len(check.failures)} of {check.number} expectations fail; see the TAP above"
        log = self.log.read_text(errors="replace")
        for words in ("gone backwards", "is behind table", "is inconsistent with"):
            assert words not in log, f"{words!r} in {self.log}"


def on_sqlite(installation: Installation, folder: Path) -> Homeserver:
    return Homeserver(installation, folder, {"name": "sqlite3", "args": {"database": str(folder / "homeserver.db")}})


def on_postgres(installation: Installation, folder: Path, database: Database) -> Homeserver:
    """On a database that an ordinary role owns, reached by TCP and a password: as Synapse's documentation says."""
    role = database.query(f"SELECT 1 FROM pg_roles WHERE rolname = '{OWNER}'")
    if not role:
        password = PASSWORD.replace("'", "''")
        database.execute(f"CREATE ROLE {OWNER} LOGIN PASSWORD '{password}'")
    database.execute(f"ALTER DATABASE {database.name} OWNER TO {OWNER}; ALTER SCHEMA public OWNER TO {OWNER}")
    return Homeserver(installation, folder, {"name": "psycopg2", "args": {
        "host": "127.0.0.1", "port": database.server.port, "user": OWNER, "password": PASSWORD, "dbname": database.name,
        "keepalives_idle": 10, "keepalives_interval": 10, "keepalives_count": 3, "cp_min": 1, "cp_max": 5}})


def unpack_media(folder: Path) -> None:
    """The media store that belongs to the ready-made snapshots."""
    archive = subprocess.run(["zstd", "-dcq", shared_snapshots() / "media.tar.zst"], check=True, stdout=subprocess.PIPE).stdout
    subprocess.run(["tar", "-C", folder, "-xf", "-"], input=archive, check=True)


def copy_media(source: Path, folder: Path) -> None:
    shutil.copytree(source / "media", folder / "media", dirs_exist_ok=True)
