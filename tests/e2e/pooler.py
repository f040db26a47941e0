"""A PgBouncer between the programs and the throwaway PostgreSQL."""
from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ports

if TYPE_CHECKING:
    from conftest import Server

PROGRAM = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"   # Debian has it where only root looks


class Unavailable(Exception):
    """There is no PgBouncer on this machine."""


class Pooler:
    """One PgBouncer, of any database of the server behind it; no password is asked for."""

    def __init__(self, folder: str, port: int, user: str) -> None:
        self.folder, self.port, self.user = folder, port, user

    def dsn(self, database: str) -> str:
        return f"host=127.0.0.1 port={self.port} user={self.user} dbname={database}"

    def log(self) -> str:
        return Path(self.folder, "log").read_text()


def configuration(folder: str, port: int, server: Server, settings: dict[str, Any]) -> str:
    given = {"listen_addr": "127.0.0.1", "listen_port": port, "unix_socket_dir": "", "auth_type": "any",
             "logfile": f"{folder}/log", "default_pool_size": 20, "max_client_conn": 100} | settings
    where = f"* = host={server.folder} port={server.port} user={server.user}"
    return "\n".join(["[databases]", where, "[pgbouncer]", *(f"{name} = {value}" for name, value in given.items())]) + "\n"


def wait_until_it_listens(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        said = log.read_text() if log.exists() else "nothing"
        assert process.poll() is None, f"pgbouncer ended with status {process.returncode}; it said: {said}"
        assert time.monotonic() < deadline, f"pgbouncer does not listen; it said: {said}"
        time.sleep(0.02)


@contextlib.contextmanager
def running(server: Server, pool_mode: str, **settings: Any) -> Iterator[Pooler]:
    """A PgBouncer in front of a Server of conftest, until the end of the with-statement.

    `pool_mode` is session, transaction or statement; `settings` are lines of its configuration.
    """
    if not Path(PROGRAM).exists():
        raise Unavailable("pgbouncer is not installed")
    with tempfile.TemporaryDirectory(prefix="valise-pgbouncer.") as folder:
        options: dict[str, Any] = {}
        if os.geteuid() == 0:   # it refuses to run as root
            owner = pwd.getpwnam("postgres")
            os.chown(folder, owner.pw_uid, owner.pw_gid)
            options = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        port = ports.free()
        ini = Path(folder, "pgbouncer.ini")
        ini.write_text(configuration(folder, port, server, {"pool_mode": pool_mode} | settings))
        ini.chmod(0o644)
        process = subprocess.Popen([PROGRAM, "--quiet", str(ini)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, **options)
        try:
            wait_until_it_listens(process, port, Path(folder, "log"))
            yield Pooler(folder, port, server.user)
        finally:
            process.terminate()
            process.wait(timeout=30)
