"""A PostgreSQL server that may be stopped hard and started again; it lives as long as the pipe to it."""
from __future__ import annotations

import contextlib
import os
import pwd
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("VALISE_BUILD_DIR", "build")
ROLE, PASSWORD = "fault_owner", "fault"

# A server that is stopped hard loses what it has not written, as synchronous_commit decides; the machine lives on, so fsync
# would change nothing but the time. Small buffers, so that files have a part in it.
SETTINGS = """fsync = off
shared_buffers = 64MB
log_statement = all
log_line_prefix = '%m [%p] %a %d '
"""


class Server:
    """The server, and the databases in it."""

    def __init__(self, answer: list[str]) -> None:
        self.folder, port, self.superuser, superuser_password, self.programs = answer
        self.port = int(port)
        self.superuser_password = superuser_password
        self.data = f"{self.folder}/data"

    # ---- its life

    def control(self, *words: str) -> None:
        """pg_ctl, as the user that owns the server."""
        options: dict[str, Any] = {}
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            options = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        subprocess.run([f"{self.programs}/pg_ctl", "-D", self.data, "-w", "-t", "60", *words], check=True, cwd="/",
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)

    def crash(self) -> None:
        """As if the power had gone: what is not in the log of the database by now is lost."""
        self.control("stop", "-m", "immediate")
        self.control("start", "-l", f"{self.folder}/log", "-o", f"-p {self.port}")

    # ---- its databases

    def dsn(self, database: str, role: str = ROLE, port: int | None = None) -> str:
        if port is not None:
            return f"host=127.0.0.1 port={port} user={role} password={PASSWORD} dbname={database}"
        return f"host={self.folder} port={self.port} user={role} dbname={database}"

    @contextlib.contextmanager
    def connect(self, database: str, role: str | None = None) -> Iterator[Any]:
        with contextlib.closing(psycopg2.connect(self.dsn(database, role or self.superuser))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor

    def execute(self, database: str, statements: str, role: str | None = None) -> None:
        with self.connect(database, role) as cursor:
            cursor.execute(statements)

    def query(self, database: str, statement: str) -> list[tuple[Any, ...]]:
        with self.connect(database) as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def create(self, name: str, template: str = "template0", tablespace: str = "pg_default") -> None:
        locale = " ENCODING 'UTF8' LOCALE 'C'" if template == "template0" else ""
        self.execute("postgres", f"CREATE DATABASE {name} OWNER {ROLE} TEMPLATE {template}{locale} TABLESPACE {tablespace}")

    def drop(self, name: str) -> None:
        self.execute("postgres", f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def schema(self, name: str) -> str:
        """The whole schema as text, but for the ledger's, and for the random words of newer versions of pg_dump."""
        text = subprocess.run([f"{self.programs}/pg_dump", "--schema-only", "-N", "valise", "-d",
                               self.dsn(name, self.superuser)], check=True, stdout=subprocess.PIPE, text=True).stdout
        return re.sub(r"^\\(un)?restrict .*$", "", text, flags=re.MULTILINE)


@contextlib.contextmanager
def running() -> Iterator[Server]:
    """A new server with the role that owns the databases."""
    script = ('printf "%s\\n" "$PGHOST" "$PGPORT" "$PGUSER" "$PGPASSWORD" "$(dirname "$(readlink -f '
              '"/proc/$(head -n 1 "$PGHOST/data/postmaster.pid")/exe")")"; cat > /dev/null')
    process = subprocess.Popen([ROOT / "tools/with_postgres.sh", "bash", "-c", script], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True, env=os.environ | {"VALISE_PG_SETTINGS": SETTINGS},
                               start_new_session=True)   # Ctrl-C is for us alone
    assert process.stdin and process.stdout
    answer = [process.stdout.readline().strip() for _ in range(5)]
    assert all(answer), "no PostgreSQL; the reason is above"
    server = Server(answer)
    server.execute("postgres", f"CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'")
    try:
        yield server
    finally:
        process.stdin.close()
        process.wait(timeout=60)
