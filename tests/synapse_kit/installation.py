"""Find a Synapse on this machine, or get one from PyPI."""
from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from .configuration import Installation

REQUIREMENT = "matrix-synapse[postgres]"


class Unavailable(Exception):
    """No Synapse can be had; the message says what was tried."""


def cache_folder() -> Path:
    """Where what is downloaded is kept: $VALISE_CACHE, or valise in the user's cache."""
    if "VALISE_CACHE" in os.environ:
        return Path(os.environ["VALISE_CACHE"])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "valise"


def version_of(python: Path) -> str:
    """The version of Synapse that this interpreter has; Unavailable if it can't run it on PostgreSQL."""
    program = "import psycopg2, importlib.metadata as m; import synapse; print(m.version('matrix-synapse'))"
    try:
        done = subprocess.run([python, "-c", program], capture_output=True, text=True)
    except OSError as error:
        raise Unavailable(f"{python}: {error.strerror}") from error
    if done.returncode != 0:
        raise Unavailable(f"{python} has no Synapse for PostgreSQL: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    return done.stdout.strip()


def find(may_download: bool = True) -> Installation:
    """The Synapse of $VALISE_SYNAPSE_PYTHON, or the one in the cache, which is made where it is missing."""
    named = os.environ.get("VALISE_SYNAPSE_PYTHON")
    if named:
        version_of(Path(named))
        return Installation(Path(named))
    venv = cache_folder() / "synapse-venv"
    if not (venv / "complete").exists():
        if not may_download:
            raise Unavailable(f"no Synapse: VALISE_SYNAPSE_PYTHON is not set, and there is none in {venv}")
        with locked(venv):
            if not (venv / "complete").exists():   # another process may have made it meanwhile
                download(venv)
    version_of(venv / "bin" / "python")
    return Installation(venv / "bin" / "python")


@contextlib.contextmanager
def locked(venv: Path) -> Iterator[None]:
    """Only one process at a time makes it: several run tests at once."""
    venv.parent.mkdir(parents=True, exist_ok=True)
    with venv.with_name(f"{venv.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def download(venv: Path) -> None:
    """Install Synapse into a new virtual environment; what a run before left half done is removed."""
    print(f"Installing {REQUIREMENT} from PyPI into {venv} (about a minute)", file=sys.stderr, flush=True)
    shutil.rmtree(venv, ignore_errors=True)
    base = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable
    for command in ([base, "-m", "venv", str(venv)],
                    [str(venv / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", REQUIREMENT]):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            tail = "\n".join(done.stdout.strip().splitlines()[-8:])
            raise Unavailable(f"Synapse can't be installed from PyPI ({command[0]}: status {done.returncode}):\n{tail}")
    version_of(venv / "bin" / "python")
    (venv / "complete").touch()
