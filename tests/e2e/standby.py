"""A read-only standby of the throwaway PostgreSQL."""
from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conftest import Server

PORT = 5432   # only a part of the socket's name


def programs_folder(server: Server) -> Path:
    """Where the programs of the running server are."""
    process = Path(server.folder, "data", "postmaster.pid").read_text().split()[0]
    return Path(os.readlink(f"/proc/{process}/exe")).parent


@contextlib.contextmanager
def running(server: Server, setting: str = "hot_standby = on") -> Iterator[str]:
    """A standby by pg_basebackup, until the end of the with-statement; yields a DSN without a database."""
    options: dict[str, Any] = {"check": True, "stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    folder = tempfile.mkdtemp(prefix="valise-standby.")
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        options |= {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": [], "cwd": "/"}
    tools, data = programs_folder(server), f"{folder}/data"
    control = [tools / "pg_ctl", "-D", data, "-w", "-t", "60"]
    try:
        subprocess.run([tools / "pg_basebackup", "-D", data, "-R", "-c", "fast", "-h", server.folder, "-p", str(server.port),
                        "-U", server.user], **options)
        subprocess.run([*control, "start", "-l", f"{folder}/log", "-o", f"-p {PORT} -k {folder} -c listen_addresses='' -c {setting.replace(' ', '')}"], **options)
        try:
            yield f"host={folder} port={PORT} user={server.user}"
        finally:
            subprocess.run([*control, "stop", "-m", "immediate"], **options)
    finally:
        shutil.rmtree(folder)
