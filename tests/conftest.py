"""What the end-to-end tests stand on: programs, a throwaway PostgreSQL, a database per test, a real Synapse."""
from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

import aftermath
import pooler
import programs
from synapse_kit import installation
from synapse_kit.configuration import Installation

ROOT = Path(__file__).resolve().parents[1]
MEMORY = "/dev/shm"         # a server's folder is better there: most of what tests do is to create and remove small files
MEMORY_MIN = 4_000_000_000  # bytes; all tests together were seen to use a tenth


class Server:
    """The throwaway PostgreSQL: by its socket nobody needs a password, by TCP everybody does."""

    def __init__(self, folder: str, port: str, user: str, password: str) -> None:
        self.folder, self.port, self.user, self.password = folder, int(port), user, password
        self.numbers = itertools.count(1)

    def dsn(self, database: str) -> str:
        return f"host={self.folder} port={self.port} user={self.user} dbname={database}"

    def connect(self, database: str) -> Any:
        connection = psycopg2.connect(self.dsn(database))
        connection.autocommit = True
        return connection

    def execute(self, database: str, statement: str) -> None:
        with contextlib.closing(self.connect(database)) as connection, connection.cursor() as cursor:
            cursor.execute(statement)

    def settle(self, database: str) -> None:
        """Wait until the sessions that were closed are gone: a replay refuses a database that others use."""
        deadline = time.monotonic() + 10
        with contextlib.closing(self.connect("postgres")) as connection, connection.cursor() as cursor:
            while True:
                cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = %s", (database,))
                if cursor.fetchone() == (0,):
                    return
                assert time.monotonic() < deadline, f"somebody is still connected to {database}"
                time.sleep(0.01)

    def create(self, options: str = "ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0") -> str:
        """A new empty database; its name."""
        name = f"test_{next(self.numbers)}"
        with contextlib.closing(self.connect("postgres")) as connection, connection.cursor() as cursor:
            strategy = "STRATEGY file_copy" if connection.server_version >= 150000 else ""   # half the work, without fsync
            cursor.execute(f"CREATE DATABASE {name} {options} {strategy}")
        return name

    def drop(self, name: str) -> None:
        self.execute("postgres", f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


class Database:
    """One database of the server."""

    def __init__(self, server: Server, name: str) -> None:
        self.server, self.name, self.dsn = server, name, server.dsn(name)

    def execute(self, statements: str) -> None:
        self.server.execute(self.name, statements)
        self.settle()

    def settle(self) -> None:
        self.server.settle(self.name)

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        with contextlib.closing(self.server.connect(self.name)) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            rows = list(cursor.fetchall())
        self.settle()
        return rows

    def contents(self) -> str:
        """Catalog and rows, as pg_dump sees them."""
        text = programs.succeed("pg_dump", "--dbname", self.dsn, "--no-sync").out
        self.settle()
        return "".join(line for line in text.splitlines(keepends=True) if "restrict " not in line)   # a random word


@contextlib.contextmanager
def serving(**environment: str) -> Iterator[Server]:
    """A throwaway server that lives as long as the pipe to it: it also ends if these tests are killed."""
    script = 'printf "%s\\n" "$PGHOST" "$PGPORT" "$PGUSER" "$PGPASSWORD"; cat > /dev/null'
    process = subprocess.Popen([ROOT / "tools/with_postgres.sh", "bash", "-c", script], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True, env=os.environ | environment)
    assert process.stdin and process.stdout
    answer = [process.stdout.readline().strip() for _ in range(4)]
    assert all(answer), "no PostgreSQL; the reason is above"
    yield Server(*answer)
    process.stdin.close()
    assert process.wait(timeout=60) == 0


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture
def database(postgres: Server) -> Iterator[Database]:
    """A new empty database."""
    name = postgres.create()
    yield Database(postgres, name)
    postgres.drop(name)


@pytest.fixture
def other_database(postgres: Server) -> Iterator[Callable[[str], Database]]:
    """Databases with other options of CREATE DATABASE; they go away, and what a doctor's advice makes of them too."""
    made: list[str] = []

    def create(options: str) -> Database:
        made.append(postgres.create(options + " TEMPLATE template0"))
        return Database(postgres, made[-1])
    yield create
    for name in made:
        for each in (name, f"{name}_old", f"{name}_new"):
            postgres.drop(each)


@pytest.fixture
def pooled(postgres: Server) -> Iterator[Callable[..., pooler.Pooler]]:
    """pooled(mode, **settings) is a PgBouncer in front of the server, as pooler.running makes it."""
    with contextlib.ExitStack() as stack:
        def start(mode: str, **settings: Any) -> pooler.Pooler:
            try:
                return stack.enter_context(pooler.running(postgres, mode, **settings))
            except pooler.Unavailable as error:
                pytest.skip(str(error))

        yield start


@pytest.fixture(scope="session")
def synapse() -> Installation:
    """A real Synapse; the tests that need one are skipped where none can be had."""
    try:
        return installation.find()
    except installation.Unavailable as error:
        pytest.skip(f"no Synapse: {error}")


def has_room_in_memory() -> bool:
    """Whether the servers of all tests that run at once find room in MEMORY, and the machine has as much to spare."""
    if not os.access(MEMORY, os.W_OK | os.X_OK):
        return False
    facts = os.statvfs(MEMORY)
    available = re.search(r"^MemAvailable: *(\d+) kB$", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return available is not None and min(facts.f_bavail * facts.f_frsize, int(available[1]) * 1024) >= MEMORY_MIN


@pytest.fixture(autouse=True, scope="session")
def environment(pytestconfig: pytest.Config) -> None:
    """Only what a test says may decide where a program connects to, and Ctrl-C works also where the tests run in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]
    if shutil.which("pg_config"):   # Debian's own pg_dump and psql are Perl scripts that look for these, at each start
        folder = subprocess.run(["pg_config", "--bindir"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        os.environ["PATH"] = f"{folder}:{os.environ['PATH']}"
    if has_room_in_memory():
        os.environ.setdefault("VALISE_PG_PARENT", MEMORY)
    clearing = contextlib.ExitStack()
    clearing.enter_context(aftermath.cleared())
    pytestconfig.add_cleanup(clearing.close)   # after the end of all fixtures


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files in which a Synapse runs come first, being the longest: whoever shares the files out begins at the front."""
    long = {item.path for item in items if "synapse" in getattr(item, "fixturenames", ())}
    items.sort(key=lambda item: item.path not in long)
