"""Run the programs under test."""
from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("VALISE_BUILD_DIR", "build")
DUMP, REPLAY, VALISE = BUILD / "dump/valise-dump", BUILD / "replay/valise-replay", BUILD / "tools/valise"

PATIENCE = float(os.environ.get("VALISE_PATIENCE", "1"))   # programs that run in valgrind take longer

# base/error.h: the kinds of error are the exit statuses.
USAGE, REJECTED, IO, NOT_DUMP, CORRUPT, UNSUPPORTED, DATABASE, REFUSED, MISMATCH, STOPPED = range(2, 12)


@dataclass
class Done:
    """A program that has ended."""

    status: int
    out: str
    error: str

    def __str__(self) -> str:
        return f"status {self.status}\n--- out\n{self.out}\n--- error\n{self.error}"


def run(*command: str | Path, timeout: float = 120, unprivileged: bool = False, **options: Any) -> Done:
    """Run a program to its end. `unprivileged`: as nobody, where these tests run as root."""
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    if unprivileged and os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        options |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    done = subprocess.run([str(word) for word in command], timeout=timeout * PATIENCE, **options)
    return Done(done.returncode, (done.stdout or b"").decode(errors="replace"), (done.stderr or b"").decode(errors="replace"))


def succeed(*command: str | Path, **options: Any) -> Done:
    """Run a program that must end with status 0."""
    done = run(*command, **options)
    assert done.status == 0, f"{command}: {done}"
    return done


def fail(status: int, words: list[str], *command: str | Path, **options: Any) -> Done:
    """Run a program that must end with this status, and say these words on standard error."""
    done = run(*command, **options)
    assert done.status == status, f"expected status {status}: {done}"
    said = done.error.lower()
    for word in words:
        assert word.lower() in said, f"expected {word!r} in the message: {done}"
    return done


def dump(snapshot: Path, target: Path, *options: str) -> Path:
    """Pack a snapshot, and prove that both ways of testing the file find it whole."""
    succeed(DUMP, *options, "-o", target, snapshot)
    succeed(VALISE, "verify", target)
    succeed("zstd", "-t", "-q", target)
    return target


def replay(dsn: str, dump_file: Path, *options: str) -> Done:
    return succeed(REPLAY, "--dsn", dsn, *options, dump_file)
