"""What the disk or its file system refuses is told as that, with the system's words, and not as damage of a database."""
from __future__ import annotations

import os
import resource
import shutil
import sqlite3
from pathlib import Path

import pytest

from programs import DUMP, IO, VALISE, Done, dump, run

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="no strace here, which makes system calls fail")


def failing(call: str, error: str, first: int, *command: str | Path) -> Done:
    """Run a program whose system call fails from the first-th time on."""
    traced = ["strace", "-f", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={first}+"]
    done = run(*traced, *command)
    if "strace: " in done.error and "ptrace" in done.error:
        pytest.skip(f"strace may not trace here: {done.error}")
    return done


def fill(path: Path, row_count: int) -> Path:
    connection = sqlite3.connect(path)
    connection.executescript(f"""
        CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b BLOB); CREATE INDEX ta ON t (a);
        WITH RECURSIVE i(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM i WHERE i < {row_count}) INSERT INTO t SELECT i, 'text ' || i * 7919, randomblob(100) FROM i;
    """)
    connection.close()
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return fill(tmp_path / "a.db", 30_000)


@pytest.mark.parametrize("first", [3, 5, 9, 30, 200])
def test_a_database_that_cannot_be_read(source: Path, tmp_path: Path, first: int) -> None:
    done = failing("pread64", "EIO", first, DUMP, "-o", tmp_path / "a.valise", source)
    assert done.status == IO and "Input/output error" in done.error and "malformed" not in done.error, done
    assert os.listdir(tmp_path) == ["a.db"]


@pytest.mark.parametrize("first", [50, 300])
def test_a_restored_database_that_cannot_be_read(tmp_path: Path, first: int) -> None:
    """Wherever it is read: it is larger than what SQLite keeps of it."""
    packed = dump(fill(tmp_path / "a.db", 100_000), tmp_path / "a.valise")
    done = failing("pread64", "EIO", first, VALISE, "restore", "-o", tmp_path / "r.db", packed)
    assert done.status == IO and "Input/output error" in done.error and "malformed" not in done.error, done
    assert sorted(os.listdir(tmp_path)) == ["a.db", "a.valise"]


@pytest.mark.parametrize("command", ["dump", "restore", "squash", "schema"])
def test_a_limit_of_the_files_size(source: Path, tmp_path: Path, command: str) -> None:
    """It is an error of write(), not the end of the program with half a file left."""
    packed = dump(source, tmp_path / "a.valise")
    words = [DUMP, source] if command == "dump" else [VALISE, command, packed]
    size = 100 if command == "schema" else 100_000
    done = run(*words, "-o", tmp_path / "out", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))
    assert done.status == IO and "File too large" in done.error, done
    assert sorted(os.listdir(tmp_path)) == ["a.db", "a.valise"]
