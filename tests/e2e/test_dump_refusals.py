"""What valise-dump must refuse: with the documented status, in clear words, and without leaving a file behind."""
from __future__ import annotations

import contextlib
import os
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import programs


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users can enter (pytest's own they can't)."""
    made = Path(tempfile.mkdtemp(prefix="valise-test."))
    made.chmod(0o777)
    yield made
    shutil.rmtree(made)


def make(path: Path, rows: int = 20000) -> Path:
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE first (a)")
        db.execute("CREATE TABLE large (id INTEGER PRIMARY KEY, text TEXT)")
        with db:
            db.executemany("INSERT INTO large VALUES (?, ?)", ((n, f"row {n} {n * n * 7919:x}" * 8) for n in range(rows)))
    return path


def refused(status: int, words: list[str], snapshot: Path, folder: Path, arguments: Sequence[str] = (),
            **options: object) -> programs.Done:
    """The dump fails as told; the folder holds afterwards what it held before."""
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    done = programs.fail(status, words, programs.DUMP, "-o", folder / "out.valise", *arguments, snapshot, **options)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
    assert len(done.error.strip().splitlines()) == 1, done
    return done


def test_a_missing_file(folder: Path) -> None:
    refused(programs.IO, ["nothing.db", "no such file"], folder / "nothing.db", folder)


def test_a_folder(folder: Path) -> None:
    (folder / "sub").mkdir()
    refused(programs.IO, ["sub"], folder / "sub", folder)


def test_an_empty_file(folder: Path) -> None:
    """SQLite itself takes it for a database without tables; here it is a copy that went wrong."""
    (folder / "empty.db").touch()
    refused(programs.NOT_DUMP, ["empty.db", "empty"], folder / "empty.db", folder)


@pytest.mark.parametrize("content", [b"hello, world\n" * 1000, os.urandom(8192), b"SQLite format 2\0" + bytes(8176)],
                         ids=["text", "encrypted", "other version"])
def test_not_a_database(folder: Path, content: bytes) -> None:
    (folder / "no.db").write_bytes(content)
    refused(programs.NOT_DUMP, ["no.db", "encrypted"], folder / "no.db", folder)


def test_damage_in_the_middle_of_a_scan(folder: Path) -> None:
    snapshot = make(folder / "damaged.db")
    with snapshot.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(size // 2 // 4096 * 4096)
        file.write(b"\xff" * 4096)
    refused(programs.CORRUPT, ["damaged.db", "large", "malformed"], snapshot, folder)


ORDERED_BY = {"an integer key": ("(id INTEGER PRIMARY KEY, text TEXT)", "comes behind"),
              "a hidden rowid": ("(rowid TEXT, oid TEXT)", "comes behind"),
              "a wide table": ("(" + ", ".join(f"c{n}" for n in range(300)) + ")", "comes behind"),
              "a text": ("(a TEXT PRIMARY KEY, b) WITHOUT ROWID", "order of the primary key"),
              "two columns": ("(a INT, b, PRIMARY KEY (b, a DESC)) WITHOUT ROWID", "order of the primary key")}


@pytest.mark.parametrize("kind", ORDERED_BY)
@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"])
def test_pages_that_lie_elsewhere(folder: Path, kind: str, encoding: str) -> None:
    """Each page is good, but not where it belongs: SQLite gives rows in disorder, and no error."""
    definition, words = ORDERED_BY[kind]
    snapshot, page = folder / "elsewhere.db", 4096
    with contextlib.closing(sqlite3.connect(snapshot)) as db:
        db.executescript(f"PRAGMA page_size = {page}; PRAGMA encoding = '{encoding}'; CREATE TABLE t {definition}")
        width = len(db.execute("PRAGMA table_info(t)").fetchall())
        rows = ([n] + [f"{n:05}" + "x" * 90] + [None] * (width - 2) for n in range(1000))
        with db:
            db.executemany(f"INSERT INTO t VALUES ({', '.join('?' * width)})", rows)
    programs.dump(snapshot, folder / "good.valise")
    pages = snapshot.read_bytes()
    leaves = [n for n in range(1, len(pages) // page) if pages[n * page] in (0x0a, 0x0d)]
    with snapshot.open("r+b") as file:
        for place, content in ((leaves[1], leaves[-2]), (leaves[-2], leaves[1])):
            file.seek(place * page)
            file.write(pages[content * page:(content + 1) * page])
    with contextlib.closing(sqlite3.connect(snapshot)) as db:
        assert db.execute("SELECT count(*) FROM (SELECT * FROM t NOT INDEXED)").fetchone()[0] > 900
    refused(programs.CORRUPT, ["elsewhere.db", '"t"', ".recover", words], snapshot, folder)


def test_a_log_that_is_none(folder: Path) -> None:
    """SQLite takes a damaged write-ahead log for an empty one, and is silent about the transactions in it."""
    snapshot, log = folder / "log.db", folder / "log.db-wal"
    script = ("import os, sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('PRAGMA journal_mode = wal'); "
              "db.execute('CREATE TABLE t (a)'); db.execute('PRAGMA wal_checkpoint(TRUNCATE)'); "
              "db.execute('INSERT INTO t VALUES (1)'); db.commit(); os._exit(0)")
    subprocess.run([sys.executable, "-c", script, str(snapshot)], check=True)
    good = log.read_bytes()
    programs.dump(snapshot, folder / "good.valise")
    for name in ("log.db-shm", "none"):
        (folder / name).unlink(missing_ok=True)
        for damaged in (b"\1\2" + good[2:], good[:25] + b"x" + good[26:], bytes(len(good)), os.urandom(5000), good[:20]):
            log.write_bytes(damaged)
            refused(programs.CORRUPT, ["log.db-wal", "move it away"], snapshot, folder)
    log.unlink()
    log.mkdir()
    refused(programs.IO, ["log.db-wal", "directory"], snapshot, folder)
    log.rmdir()
    log.touch()
    programs.dump(snapshot, folder / "empty.valise")


def test_a_log_that_is_cut_off(folder: Path) -> None:
    """SQLite ignores what follows the last whole transaction; so does the dump, but it says so. What a log began anew over is normal."""
    snapshot, log = folder / "cut.db", folder / "cut.db-wal"
    script = ("import os, sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None); db.execute('PRAGMA journal_mode = wal');"
              "db.execute('CREATE TABLE t (a)'); db.execute('PRAGMA wal_checkpoint(TRUNCATE)');\n"
              "for n in range(int(sys.argv[2])): db.execute('BEGIN'); [db.execute('INSERT INTO t VALUES (?)', ('x' * 3000,)) for _ in range(20)];"
              " db.execute('COMMIT'); n or db.execute('PRAGMA wal_checkpoint(' + sys.argv[3] + ')')\n"
              "os._exit(0)")

    def make(times: int, checkpoint: str) -> bytes:
        for path in folder.glob("cut.*"):
            path.unlink()
        subprocess.run([sys.executable, "-c", script, str(snapshot), str(times), checkpoint], check=True)
        (folder / "cut.db-shm").unlink()
        return log.read_bytes()

    def ignored() -> int:
        (folder / "cut.db-shm").unlink(missing_ok=True)
        done = programs.succeed(programs.DUMP, "--force", "-o", folder / "cut.valise", snapshot)
        found = re.search(r"ends with (\d+) pages? that belong to no whole transaction", done.error)
        return int(found[1]) if found else 0

    whole = make(3, "PASSIVE")
    frame = 4096 + 24
    count = (len(whole) - 32) // frame
    assert ignored() == 0
    last = count - 1 - max(at for at in range(count - 1) if whole[32 + at * frame + 4:32 + at * frame + 8] != bytes(4))   # pages of the last transaction
    for cut, left in ((1, last), (frame, last - 1), (frame + 100, last - 1), (frame * (last - 1), 1), (frame * last - 10, 1), (frame * last, 0)):
        log.write_bytes(whole[:-cut])
        assert ignored() == left, cut
    damaged = bytearray(whole)
    damaged[32 + frame * 3 + 500] ^= 1   # early on: what follows is whole, and ignored all the same
    log.write_bytes(damaged)
    assert ignored() == count - (1 + max((at for at in range(3) if whole[32 + at * frame + 4:32 + at * frame + 8] != bytes(4)), default=-1))
    again = make(2, "RESTART")           # the second transaction begins the log anew, over the first
    assert len(again) > 32 and ignored() == 0



def test_a_truncated_database(folder: Path) -> None:
    snapshot = make(folder / "short.db")
    os.truncate(snapshot, snapshot.stat().st_size // 2)
    refused(programs.CORRUPT, ["short.db"], snapshot, folder)


def test_damage_in_the_schema(folder: Path) -> None:
    snapshot = folder / "schema.db"
    with contextlib.closing(sqlite3.connect(snapshot)) as db:
        db.executescript("CREATE TABLE t (a); PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE TABLE t ('")
    refused(programs.CORRUPT, ["schema.db", "malformed"], snapshot, folder)


@contextlib.contextmanager
def locked(snapshot: Path) -> Iterator[None]:
    """By another process: if this one held the lock, it would lose it with the first file that it closes."""
    script = ("import sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None); "
              "db.execute('BEGIN EXCLUSIVE'); print('locked', flush=True); sys.stdin.read()")
    with subprocess.Popen([sys.executable, "-c", script, str(snapshot)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin and holder.stdout and holder.stdout.readline() == b"locked\n"
        yield
        holder.stdin.close()


def test_a_locked_database(folder: Path) -> None:
    snapshot = make(folder / "locked.db", 10)
    with locked(snapshot):
        refused(programs.DATABASE, ["locked.db", "locked", "another program"], snapshot, folder)
    programs.dump(snapshot, folder / "afterwards.valise")


def test_an_unreadable_file(folder: Path) -> None:
    snapshot = make(folder / "secret.db", 10)
    snapshot.chmod(0)
    program = folder / "valise-dump"      # the build folder may be closed to others, too
    shutil.copy(programs.DUMP, program)
    done = programs.fail(programs.IO, ["secret.db", "permission denied"], program, "-o", folder / "out.valise", snapshot,
                         unprivileged=True)
    assert not (folder / "out.valise").exists(), done


def test_a_folder_that_is_not_there(folder: Path) -> None:
    snapshot = make(folder / "s.db", 10)
    programs.fail(programs.IO, ["out.valise", "no such file"], programs.DUMP, "-o", folder / "no" / "out.valise", snapshot)


def limit_file_size() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))


def test_a_full_disk(folder: Path) -> None:
    """A file may not grow beyond 20 kB: the write fails half way, as on a full disk."""
    refused(programs.IO, ["out.valise", "large"], make(folder / "s.db"), folder, preexec_fn=limit_file_size)


def test_a_full_device(folder: Path) -> None:
    snapshot = make(folder / "s.db", 10)
    with open("/dev/full", "wb") as full:
        programs.fail(programs.IO, ["no space left"], programs.DUMP, "-o", "-", snapshot, stdout=full)


def test_a_closed_pipe(folder: Path) -> None:
    snapshot = make(folder / "s.db")
    reader, writer = os.pipe()
    os.close(reader)
    try:
        programs.fail(programs.IO, ["broken pipe"], programs.DUMP, "-o", "-", snapshot, stdout=writer)
    finally:
        os.close(writer)


@pytest.mark.parametrize("program", ["verify", "cat", "replay"])
def test_no_standard_input(program: str) -> None:
    """What is opened instead must not be taken for it: the programs' own pipes never end."""
    command = [programs.REPLAY, "--dry-run"] if program == "replay" else [programs.VALISE, program]
    programs.fail(programs.IO, ["standard input", "bad file descriptor"], "sh", "-c", 'exec "$@" <&-', "sh", *command, "-")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_no_standard_streams(folder: Path, closed: str) -> None:
    """No message lands in the file that was opened in place of a standard stream."""
    snapshot, out = make(folder / "s.db", 10), folder / "out.valise"
    programs.succeed("sh", "-c", f'exec "$@" {closed}', "sh", programs.DUMP, "--progress=plain", "-o", out, snapshot)
    programs.succeed(programs.VALISE, "verify", out)
    programs.fail(programs.IO, ["standard output", "bad file descriptor"],
                  "sh", "-c", 'exec "$@" >&-', "sh", programs.DUMP, "-o", "-", snapshot)


def test_a_failed_dump_leaves_the_old_one(folder: Path) -> None:
    snapshot = make(folder / "s.db", 10)
    programs.dump(snapshot, folder / "out.valise")
    with snapshot.open("r+b") as file:
        file.write(b"no database now")
    refused(programs.NOT_DUMP, ["s.db"], snapshot, folder, arguments=["--force"])


@pytest.mark.parametrize("name", ["full.valise", "delta.valise", "link.valise"])
def test_a_delta_does_not_replace_its_base(folder: Path, name: str) -> None:
    """Not even when forced: the full dump would be lost, and the delta worth nothing."""
    snapshot, full, delta = make(folder / "s.db", 10), folder / "full.valise", folder / "delta.valise"
    programs.dump(snapshot, full)
    programs.succeed(programs.DUMP, "--base", full, "-o", delta, snapshot)
    (folder / "link.valise").symlink_to(full)
    before = full.read_bytes(), delta.read_bytes()
    programs.fail(programs.REFUSED, [name, "base of this delta"],
                  programs.DUMP, "--force", "--base", full, "--base", delta, "-o", folder / name, snapshot)
    assert (full.read_bytes(), delta.read_bytes()) == before
    programs.succeed(programs.DUMP, "--force", "--base", full, "-o", delta, snapshot)


def test_a_file_that_exists(folder: Path) -> None:
    snapshot = make(folder / "s.db", 10)
    (folder / "out.valise").write_text("precious")
    refused(programs.REFUSED, ["out.valise", "exists", "--force"], snapshot, folder)
    programs.dump(snapshot, folder / "out.valise", "--force")


@pytest.mark.parametrize("arguments, words", [
    ([], ["snapshot"]), (["--level", "99", "x"], ["--level", "99"]), (["--nonsense", "x"], ["--nonsense"]), (["a", "b"], ["b"]),
    (["--threads", "0", "x"], ["--threads", "0"]), (["--level"], ["--level"])])
def test_wrong_usage(arguments: list[str], words: list[str]) -> None:
    programs.fail(programs.USAGE, words, programs.DUMP, *arguments)


def test_standard_input(tmp_path: Path) -> None:
    programs.fail(programs.USAGE, ["standard input", "give the path"], programs.DUMP, "-o", tmp_path / "x", "-")


def test_a_function_of_the_application(folder: Path) -> None:
    """A STORED column has its values in the file; a VIRTUAL one is told before anything is read."""
    snapshot = make(folder / "in.db", rows=10)
    with contextlib.closing(sqlite3.connect(snapshot)) as db, db:
        db.create_function("app", 1, lambda value: value * 2, deterministic=True)
        db.executescript("CREATE TABLE z (v, s AS (app(v)) STORED); INSERT INTO z (v) VALUES (4)")
    programs.dump(snapshot, folder / "stored.valise")
    with contextlib.closing(sqlite3.connect(snapshot)) as db, db:
        db.create_function("app", 1, lambda value: value * 2, deterministic=True)
        db.executescript("""CREATE TABLE "z'" (v, ok AS (v + 1), "it's" AS (app(v)))""")
    refused(programs.DATABASE, ["""table "z'": the generated column "it's" cannot be computed here""", "app()", "DROP COLUMN"], snapshot, folder)
