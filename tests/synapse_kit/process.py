"""Run a homeserver, and what is done to its database from outside."""
from __future__ import annotations

import contextlib
import http.client
import os
import shlex
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

from .client import Client
from .configuration import Installation, port_of


def is_running(pid: int) -> bool:
    """Whether this process runs and is a homeserver (zombies and strangers are not)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        return state != "Z" and b"synapse" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def start(installation: Installation, config: Path, directory: Path, timeout: float = 90) -> int:
    """Start a homeserver, wait for /health, and return its pid; the log and pid files are in `directory`."""
    pid_file, log_file = directory / "homeserver.pid", directory / "homeserver.log"
    if pid_file.exists() and is_running(int(pid_file.read_text())):
        raise SystemExit(f"{pid_file}: a homeserver is running already")
    with log_file.open("wb") as log:
        process = subprocess.Popen(installation.homeserver(config), stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=log, start_new_session=True)
    pid_file.write_text(f"{process.pid}\n")
    client = Client(f"http://127.0.0.1:{port_of(config)}", timeout=5)
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pid_file.unlink()
            raise SystemExit(f"the homeserver ended with status {process.returncode}\n" + log_tail(log_file))
        with contextlib.suppress(OSError, http.client.HTTPException):
            if client.send("GET", "/health", None, {})[0] == 200:
                return process.pid
        time.sleep(0.2)
    stop(directory)
    raise SystemExit(f"the homeserver did not answer within {timeout:.0f} s\n" + log_tail(log_file))


def log_tail(log: Path, lines: int = 25) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def stop(directory: Path, timeout: float = 60) -> None:
    """Ask the homeserver of `directory` to end, and wait until it has."""
    pid_file = directory / "homeserver.pid"
    if not pid_file.exists():
        return
    pid = int(pid_file.read_text())
    if is_running(pid):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout
    while is_running(pid):
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        if time.monotonic() > deadline:
            raise SystemExit(f"process {pid} did not end within {timeout:.0f} s")
        time.sleep(0.1)
    pid_file.unlink()


def prepare(installation: Installation, config: Path) -> None:
    """Make the schema and finish all background updates, without starting a homeserver."""
    command = installation.script("update_synapse_database", "--database-config", installation.inside(config),
                                  "--run-background-updates")
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    if done.returncode != 0:
        raise SystemExit(f"{shlex.join(command)}: status {done.returncode}\n{done.stdout}")


def snapshot(database: Path, target: Path) -> None:
    """A consistent copy of a SQLite database, also while a homeserver writes to it."""
    target.unlink(missing_ok=True)
    source = sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)
    with contextlib.closing(source), contextlib.closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
