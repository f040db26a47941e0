"""The real synapse_port_db beside Valise, on a real homeserver's schema.

The homeserver is one that the Synapse at hand made itself and that tests/synapse_kit filled; then its events and what
hangs on them are multiplied, so that rates can be told from the cost of starting.
"""

import contextlib
import os
import shutil
import socket
import sqlite3
import sys
from pathlib import Path

from .measure import Failure
from .results import Step
from .server import sql

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from synapse_kit import installation                                            # noqa: E402
from synapse_kit.configuration import database_section, homeserver_yaml, port_of         # noqa: E402
from synapse_kit.expectations import Expectations                               # noqa: E402
from synapse_kit.populate import Populate                                       # noqa: E402
from synapse_kit.client import Client                                           # noqa: E402
from synapse_kit.process import prepare, start, stop                            # noqa: E402

ROWS_WANTED = 800_000
PORT_LIMIT_SECONDS = 300
SERVER_NAME = "localhost:8800"

# How the n-th copy of a row differs; what is not named stays. {m} is the largest number of the column.
COPIES = {
    "events": {"event_id": "event_id || '~' || n", "stream_ordering": "stream_ordering - n * {m} - 1"},    # as backfilled
    "event_json": {"event_id": "event_id || '~' || n"},
    "event_edges": {"event_id": "event_id || '~' || n"},
    "event_auth": {"event_id": "event_id || '~' || n"},
    "event_to_state_groups": {"event_id": "event_id || '~' || n"},
    "state_groups_state": {"state_group": "state_group + n * {m}"},
    "state_groups": {"id": "id + n * {m}"},
}


class Homeservers:
    """A filled homeserver.db, an empty one, and the database synapse_schema that update_synapse_database made."""

    def __init__(self, folder):
        self.installation = installation.find(may_download=False)
        self.folder = Path(folder)
        self.full = self.folder / "homeserver.db"
        self.empty = self.folder / "empty.db"
        self.target = self.folder / "target.yaml"

    def prepare(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.full.exists():
            self.make_full()
        if not self.empty.exists():
            half = self.folder / "half" / "empty.db"
            shutil.rmtree(half.parent, ignore_errors=True)
            half.parent.mkdir()
            prepare(self.installation, self.configure(half.parent / "homeserver.yaml", f"sqlite:{half}"))
            settle(half)
            half.rename(self.empty)
        sql("CREATE DATABASE synapse_schema")
        prepare(self.installation, self.configure_target("synapse_schema"))

    def configure(self, path, database):
        section = database_section(database, self.installation)
        path.write_text(homeserver_yaml(section, str(path.parent), free_port(), SERVER_NAME), encoding="utf-8")
        return path

    def configure_target(self, database):
        """A configuration that leads to a database of the server."""
        return self.configure(self.target, "postgres:" + " ".join(
            f"{name}={os.environ[variable]}" for name, variable in
            (("host", "PGHOST"), ("port", "PGPORT"), ("user", "PGUSER"))) + f" dbname={database}")

    def make_full(self):
        half = self.folder / "half"
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir()
        config = self.configure(half / "homeserver.yaml", f"sqlite:{half}/homeserver.db")
        prepare(self.installation, config)
        start(self.installation, config, half)
        try:
            with open(os.devnull, "w", encoding="utf-8") as silence, contextlib.redirect_stdout(silence):
                populate(config, half)
        finally:
            stop(half)
        multiply(half / "homeserver.db")
        prepare(self.installation, config)
        settle(half / "homeserver.db")
        (half / "homeserver.db").rename(self.full)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def populate(config, folder):
    world = Expectations()
    Populate(Client(f"http://127.0.0.1:{port_of(config)}"), world, "bench", "1").run(300)
    world.save(folder / "expect.json")


def settle(path):
    """One file again, not two."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = DELETE")


def count_rows(path):
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        names = [name for name, in database.execute(
            "SELECT name FROM pragma_table_list WHERE type = 'table' AND schema = 'main' AND name NOT LIKE 'sqlite_%'")]
        return sum(database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names)


def multiply(path):
    """Adds copies of the rows of the large tables until there are about ROWS_WANTED, and removes what
    synapse_port_db cannot take: tokens that refer to tokens after them."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        rows = sum(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in COPIES)
        copies = max(1, ROWS_WANTED // rows)
        database.execute("UPDATE refresh_tokens SET next_token_id = NULL")
        for table, changes in COPIES.items():
            names = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            values = []
            for name in names:
                value = changes.get(name, name)
                if "{m}" in value:
                    value = value.format(m=database.execute(f"SELECT max({name}) FROM {table}").fetchone()[0])
                values.append(value)
            database.execute(f"INSERT INTO {table} ({', '.join(names)})"
                             f" WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {copies})"
                             f" SELECT {', '.join(values)} FROM (SELECT * FROM {table}) CROSS JOIN c ORDER BY n")
        database.commit()


class SynapseSteps:
    """Both ways for the same file into the same prepared database."""

    def __init__(self, homeservers, place, server, loading):
        self.homeservers = homeservers
        self.place = place
        self.server = server
        self.loading = loading
        self.row_count = count_rows(homeservers.full)

    def steps(self):
        return [
            Step("homeserver empty", "valise-replay of a new homeserver's 170 tables", self.replay_empty),
            Step("homeserver dump", "valise-dump of a real homeserver's schema", self.dump),
            Step("homeserver replay", "valise-replay of it, every value verified", self.replay),
            Step("peer synapse_port_db", "the same file, after what it cannot take is removed", self.port, "peer", once=True),
        ]

    def dump_to(self, path, source):
        return self.place.writing(path, [self.place.program("dump/valise-dump"), "-o", str(path), str(source)])

    def counted(self, sample):
        sample.rows = self.row_count
        return sample

    def dump(self):
        return self.counted(self.dump_to(self.place.file("homeserver.valise"), self.homeservers.full))

    def replaying(self, dump):
        self.server.new_database("synapse_schema")
        return self.loading([self.place.program("replay/valise-replay"), "--quiet", "--dsn", "dbname=bench_run", "--jobs",
                             str(self.place.jobs), "--verify=full", str(dump)])

    def replay_empty(self):
        path = self.place.file("empty.valise")
        self.dump_to(path, self.homeservers.empty)
        return self.replaying(path)

    def replay(self):
        return self.counted(self.replaying(self.place.file("homeserver.valise")))

    def port(self):
        """It upgrades the file that it is given, so it is given a copy."""
        copy = self.place.file("ported.db")
        shutil.copyfile(self.homeservers.full, copy)
        self.server.new_database("synapse_schema")
        config = self.homeservers.configure_target("bench_run")
        command = self.homeservers.installation.script("synapse_port_db", "--sqlite-database", str(copy),
                                                       "--postgres-config", str(config))
        sample = self.loading(command, timeout=PORT_LIMIT_SECONDS)
        copy.unlink()
        with contextlib.closing(sqlite3.connect(self.homeservers.full)) as database:
            wanted = database.execute("SELECT count(*) FROM events").fetchone()[0]
        if int(sql("SELECT count(*) FROM events", "bench_run")) != wanted:
            raise Failure("synapse_port_db ended with status 0, but did not bring all events")
        return self.counted(sample)
