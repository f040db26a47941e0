"""What is replayed: a database, and the target that goes with it."""
from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import fixture
from server import BUILD, PASSWORD, ROLE, ROOT, Server
from synapse_kit import installation, snapshots
from synapse_kit.configuration import homeserver_yaml
from synapse_kit.process import prepare

FIXTURES = {"small": (24000, 1 << 20), "large": (60000, 160 << 20)}   # rows, and bytes in one table of several parts
GENERATE, GENERATED_SCHEMA = BUILD / "tests/bench/generate", ROOT / "tests/bench/schema.sql"


@dataclass
class Subject:
    """The SQLite database, and how an empty database of the server becomes a target for it."""

    snapshot: Path
    prepare: Callable[[Server, str], None]
    profile: Path | None = None   # None: none, or the one that valise-replay finds


def of_fixture(size: str, folder: Path) -> Subject:
    """The small database that has everything; or a large one with a table of several parts."""
    subject = Subject(folder / "snapshot.db", lambda server, name: server.execute(name, fixture.POSTGRESQL_SCHEMA, role=ROLE),
                      folder / "profile.yaml")
    fixture.make(subject.snapshot, *FIXTURES[size])
    (folder / "profile.yaml").write_text(fixture.PROFILE, encoding="utf-8")
    return subject


def generated(size: str, folder: Path) -> Subject:
    """A database like a homeserver's, of any size ("100M")."""
    snapshot = folder / "snapshot.db"
    subprocess.run([GENERATE, "--size", size, snapshot], check=True)
    return Subject(snapshot, lambda server, name: server.execute(name, GENERATED_SCHEMA.read_text(), role=ROLE))


def of_homeserver(file: Path, folder: Path) -> Subject:
    """A copy of a homeserver's database, brought up to the Synapse at hand, which prepares the target too."""
    synapse = installation.find()
    snapshot = folder / "homeserver.db"
    if file.suffix == ".zst":
        with snapshot.open("wb") as copy:
            subprocess.run(["zstd", "-dcq", file], check=True, stdout=copy)
    else:
        shutil.copyfile(file, snapshot)
    facts = snapshots.upgrade(synapse, snapshot, folder)

    def prepare_target(server: Server, name: str) -> None:
        config = folder / f"{name}.yaml"
        place = {"host": "127.0.0.1", "port": server.port, "user": ROLE, "password": PASSWORD, "dbname": name}
        section = {"name": "psycopg2", "args": {**place, "cp_min": 1, "cp_max": 5}}
        config.write_text(homeserver_yaml(section, synapse.inside(folder), 0, facts.server_name), encoding="utf-8")
        prepare(synapse, config)

    return Subject(snapshot, prepare_target)


def make(size: str, database: Path | None, folder: Path) -> Subject:
    if database:
        return of_homeserver(database, folder)
    return of_fixture(size, folder) if size in FIXTURES else generated(size, folder)
