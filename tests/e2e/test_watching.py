"""Progress, status and report: what people see in a terminal or a browser, and what programs read."""
from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

import programs
from conftest import Database
from terminal import COLOUR, PATIENCE, Terminal

EVENTS = {
    "start": {"version": int, "program": str, "program_version": str, "command": str, "process": int, "time": str},
    "work": {"number": int, "source": (str, type(None)), "target": (str, type(None))},
    "phase": {"state": str, "phase": str, "rows": int, "bytes": int, "items": int},
    "table": {"state": str, "phase": str, "table": str, "rows": int, "bytes": int, "items": int},
    "progress": {"percent": (int, float), "seconds_left": (int, float, type(None)), "phase": (str, type(None)),
                 "rows_per_second": (int, float), "bytes_per_second": (int, float), "stopping": bool, "phases": list, "at_work": list},
    "note": {"text": str, "advice": (str, type(None))},
    "warning": {"text": str, "advice": (str, type(None))},
    "problem": {"text": str, "advice": (str, type(None))},
    "result": {"exit_status": int, "outcome": str, "error": (str, type(None))},
}
PHASES = {"check", "copy", "read", "merge", "load", "change", "derive", "index", "analyze", "verify"}
HOSTILE = 'evil <script>alert(1)</script> \x1b[31m"\u202e'
# A table whose rows take long to insert.
SLOW = """
CREATE FUNCTION slow(bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
    IF current_query() LIKE 'COPY "public"%' THEN PERFORM pg_sleep(0.05); END IF; RETURN $1; END $$;
CREATE TABLE slow_table (a bigint PRIMARY KEY, b text);
CREATE INDEX slow_index ON slow_table (slow(a));
"""


def check_lines(text: str, ended: bool = True) -> list[dict[str, Any]]:
    """Every line is an object of the contract (docs/progress.md), in order, and its phases and tables add up."""
    objects = [json.loads(line) for line in text.splitlines()]
    assert objects and [entry["sequence"] for entry in objects] == list(range(len(objects)))
    assert objects[0]["event"] == "start" and objects[0]["version"] == 1
    for entry in objects:
        for key, kind in EVENTS[entry["event"]].items():
            assert isinstance(entry[key], kind), entry
        if entry["event"] in ("phase", "table"):
            assert entry["phase"] in PHASES and entry["state"] in ("begin", "end")
        if entry["event"] == "progress":
            assert 0 <= entry["percent"] <= 100 and {phase["phase"] for phase in entry["phases"]} <= PHASES
    seconds = [entry["seconds"] for entry in objects if entry["event"] in ("progress", "phase", "table", "result")]
    assert seconds == sorted(seconds)
    results = [place for place, entry in enumerate(objects) if entry["event"] == "result"]
    assert results == ([len(objects) - 1] if ended else [])
    return objects


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("watching") / "s.db"
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE slow_table (a INTEGER PRIMARY KEY, b TEXT)")
        db.executemany("INSERT INTO slow_table VALUES (?, 'x')", ((n,) for n in range(400)))
        for number in range(200):
            db.execute(f"CREATE TABLE t{number:03} (a INTEGER PRIMARY KEY, b TEXT)")
            db.executemany(f"INSERT INTO t{number:03} VALUES (?, 'y')", ((n,) for n in range(number)))
        db.commit()
    return path


@pytest.fixture(scope="module")
def dump(snapshot: Path) -> Path:
    path = snapshot.with_suffix(".valise")
    programs.succeed(programs.DUMP, "-o", path, snapshot)
    return path


@pytest.fixture
def prepared(database: Database) -> Database:
    database.execute(SLOW + "".join(f"CREATE TABLE t{n:03} (a bigint PRIMARY KEY, b text);" for n in range(200)))
    return database


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def open_one(width: int = 80, height: int = 24, **environment: str) -> Terminal:
        opened.append(Terminal(tmp_path, width, height, **environment))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


# --- for programs ----------------------------------------------------------------------------------


def test_json_of_files(snapshot: Path, tmp_path: Path) -> None:
    made = tmp_path / "a.valise"
    done = programs.succeed(programs.DUMP, "--progress=json", "-o", made, snapshot)
    entries = check_lines(done.error)
    ends = {entry["table"]: entry["rows"] for entry in entries if entry["event"] == "table" and entry["state"] == "end"}
    assert len(ends) == 201 and ends["slow_table"] == 400 and ends["t007"] == 7
    assert entries[-1]["outcome"] == "done" and entries[-2]["percent"] == 100
    check_lines(programs.succeed(programs.VALISE, "verify", "--progress=json", made).error)
    check_lines(programs.succeed(programs.VALISE, "squash", "--progress=json", "-o", tmp_path / "b.valise", made).error)
    entries = check_lines(programs.succeed(programs.VALISE, "restore", "--progress=json", "-o", tmp_path / "b.db", made).error)
    assert {entry["phase"] for entry in entries if entry["event"] == "phase"} == {"load", "index", "verify"}
    made.write_bytes(made.read_bytes()[:-9])
    entries = check_lines(programs.run(programs.VALISE, "verify", "--progress=json", made).error)
    assert entries[-1]["exit_status"] == programs.CORRUPT and any(entry["event"] == "problem" for entry in entries)
    failed = programs.run(programs.DUMP, "--progress=json", "-o", tmp_path / "c.valise", tmp_path / "nothing.db")
    entries = check_lines(failed.error)
    assert entries[-1]["exit_status"] == failed.status == programs.IO and "nothing.db" in entries[-1]["error"]


def test_json_of_replays(prepared: Database, dump: Path, tmp_path: Path) -> None:
    prepared.execute("DROP INDEX slow_index")
    lines = tmp_path / "progress.json"
    programs.succeed(programs.REPLAY, "--dsn", prepared.dsn, "--progress-file", lines, dump)
    entries = check_lines(lines.read_text())
    loaded = {entry["table"]: entry["rows"] for entry in entries
              if entry["event"] == "table" and entry["state"] == "end" and entry["phase"] == "load"}
    assert loaded["slow_table"] == 400 and loaded["t199"] == 199
    assert {"load", "verify"} <= {entry["phase"] for entry in entries if entry["event"] == "phase" and entry["state"] == "end"}
    again = programs.succeed(programs.REPLAY, "--dsn", prepared.dsn, "--progress=json", dump)
    assert check_lines(again.error)[-1]["outcome"] == "nothing_to_do"
    prepared.execute("DROP SCHEMA valise CASCADE; DELETE FROM slow_table WHERE ctid = '(0,1)'")
    refused = programs.run(programs.REPLAY, "--dsn", prepared.dsn, "--progress=json", dump)
    entries = check_lines(refused.error)
    assert refused.status == programs.REFUSED == entries[-1]["exit_status"] and entries[-1]["outcome"] == "refused"
    assert any(entry["event"] == "problem" for entry in entries)


def test_what_is_written_beside_is_never_a_dump(dump: Path, tmp_path: Path) -> None:
    """An operand that was forgotten, and the dump that cannot be made again would be gone."""
    copy = tmp_path / "copy.valise"
    shutil.copy(dump, copy)
    refused = programs.run(programs.VALISE, "verify", "--progress-file", copy, dump)
    assert refused.status == programs.USAGE and "holds no progress" in refused.error
    assert copy.read_bytes() == dump.read_bytes()
    refused = programs.run(programs.REPLAY, "--dsn", "host=nowhere", "--report", copy, dump)
    assert refused.status == programs.USAGE and "is a dump" in refused.error
    refused = programs.run(programs.VALISE, "schema", "-o", copy, dump)
    assert refused.status == programs.USAGE and "is a dump" in refused.error
    assert copy.read_bytes() == dump.read_bytes()
    database = tmp_path / "homeserver.db"
    database.write_bytes(b"SQLite format 3\0" + bytes(84))
    for command in ([programs.REPLAY, "--dsn", "host=nowhere", "--report"], [programs.VALISE, "schema", "-o"],
                    [programs.VALISE, "squash", "--force", "-o"]):
        refused = programs.run(*command, database, dump)
        assert refused.status in (programs.USAGE, programs.REFUSED) and "is a SQLite database" in refused.error
    assert len(database.read_bytes()) == 100
    lines = tmp_path / "lines"
    lines.touch()
    for _ in range(2):   # an empty file, and one of before
        programs.succeed(programs.VALISE, "verify", "--progress-file", lines, dump)
        check_lines(lines.read_text())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_json_of_a_replay_that_ends_early(prepared: Database, dump: Path, tmp_path: Path, number: int) -> None:
    lines = tmp_path / "progress.json"
    with subprocess.Popen([programs.REPLAY, "--dsn", prepared.dsn, "--progress-file", lines, dump],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as replay:
        deadline = time.monotonic() + PATIENCE
        while not lines.exists() or '"phase": "load"' not in lines.read_text():
            assert replay.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        status = json.loads(programs.succeed(programs.REPLAY, "--dsn", prepared.dsn, "--status", "--json").out)
        assert status["version"] == 1 and status["phase"] in ("none", "load") and status["running"]
        replay.send_signal(number)
        replay.wait(PATIENCE)
    entries = check_lines(lines.read_text(), ended=number == signal.SIGTERM)
    if number == signal.SIGTERM:
        assert entries[-1]["outcome"] == "stopped" and entries[-1]["exit_status"] == programs.STOPPED
        shown = programs.succeed(programs.REPLAY, "--dsn", prepared.dsn, "--status")
        assert "phase        load, interrupted" in shown.out and "finished     no" in shown.out
        assert re.search(r"^begun        \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$", shown.out, re.MULTILINE)


# --- in a terminal ------------------------------------------------------------------------------------


def test_screen_of_a_replay(prepared: Database, dump: Path, terminal: Callable[..., Terminal]) -> None:
    window = terminal()
    window.type(f"'{programs.REPLAY}' --dsn '{prepared.dsn}' --curses '{dump}'")
    text = window.wait(r"slow_table .* loading")
    lines = text.split("\n")
    assert window.is_on_screen_of_its_own() and lines[0].startswith(" valise-replay replay") and "%" in lines[1]
    assert re.match(r" *(✓ check +)?> load \d+%", lines[2]), lines[2]
    assert lines[4].split() == ["table", "rows", "size", "done", "phase"] and "Ctrl-C stops cleanly" in lines[23]
    assert COLOUR.search(window.screen("-e"))
    assert any(line.startswith(" at work ──") for line in lines) and any(re.search(r" s +\w.* (began|ended after)", line) for line in lines)
    window.resize(200, 60)
    wide = window.wait(r"^ at work ─{180,}").split("\n")
    assert len(wide[0]) > 190 and "Ctrl-C" in wide[59] and sum("waiting" in line or "done" in line for line in wide) > 25
    window.resize(40, 12)
    small = window.wait(r"^ valise-replay replay .{1,40}$").split("\n")
    assert max(len(line) for line in small) <= 40
    window.resize(80, 24)
    window.wait(r"at work ─")
    window.key("C-c")
    text = window.wait(r"^ENDED 11")
    assert "the same command goes on" in text.replace("\n", "") and not window.is_on_screen_of_its_own()


@pytest.mark.skipif(shutil.which("localedef") is None, reason="no localedef, which makes locales")
def test_screen_in_turkish(database: Database, tmp_path: Path, terminal: Callable[..., Terminal]) -> None:
    """Where "I" is no capital "i", names are still the same but for their case."""
    done = programs.run("localedef", "-i", "tr_TR", "-f", "UTF-8", tmp_path / "tr_TR.UTF-8")
    if not (tmp_path / "tr_TR.UTF-8").exists():
        pytest.skip(f"no source of the Turkish locale here: {done.error}")
    with contextlib.closing(sqlite3.connect(tmp_path / "a.db")) as db:
        db.executescript("CREATE TABLE ITEMS (ID INTEGER PRIMARY KEY, TITLE TEXT); INSERT INTO ITEMS VALUES (1, 'ı')")
    packed = programs.dump(tmp_path / "a.db", tmp_path / "a.valise")
    database.execute("CREATE TABLE items (id bigint PRIMARY KEY, title text)")
    window = terminal(LOCPATH=str(tmp_path), LANG="tr_TR.UTF-8")
    window.type(f"'{programs.REPLAY}' --dsn '{database.dsn}' --curses '{packed}'")
    window.wait(r"^ENDED 0")
    assert database.query("SELECT * FROM items") == [(1, "ı")]


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "vt100"}, {"LANG": "C"}])
def test_screen_without(
    prepared: Database, dump: Path, terminal: Callable[..., Terminal], environment: dict[str, str]
) -> None:
    window = terminal(**environment)
    window.type(f"'{programs.REPLAY}' --dsn '{prepared.dsn}' --curses '{dump}'")
    window.wait(r"slow_table .* loading")
    coloured, text = window.screen("-e"), window.screen()
    assert bool(COLOUR.search(coloured)) == ("LANG" in environment), coloured
    assert ("###" in text and text.isascii()) == ("LANG" in environment)
    window.key("q")
    window.wait(r"Stop the work\?")
    window.key("n")
    assert "Ctrl-C stops" in window.wait(r"^ Ctrl-C stops cleanly")
    window.key("q")
    window.wait(r"Stop the work\?")
    window.key("y")
    window.wait(r"^ENDED 11")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGSEGV, signal.SIGABRT, signal.SIGHUP])
def test_terminal_is_given_back(
    prepared: Database, dump: Path, terminal: Callable[..., Terminal], tmp_path: Path, number: int
) -> None:
    window = terminal()
    window.type("stty -a > '%s'" % (tmp_path / "before"))
    window.wait("^ENDED 0")
    lines = tmp_path / "progress.json"
    window.type(f"clear; ulimit -c 0; '{programs.REPLAY}' --dsn '{prepared.dsn}' --curses --progress-file '{lines}' '{dump}'")
    window.wait(r"slow_table .* loading")
    process = json.loads(lines.read_text().splitlines()[0])["process"]
    subprocess.run(["kill", f"-{number}", str(process)], check=True, timeout=PATIENCE)
    window.wait(rf"^ENDED {11 if number in (signal.SIGTERM, signal.SIGHUP) else 128 + number}")
    assert not window.is_on_screen_of_its_own() and window.tmux("display", "-p", "#{cursor_flag}").strip() == "1"
    window.type("stty -a > '%s'; echo AFTER" % (tmp_path / "after"))
    window.wait("^AFTER")
    assert (tmp_path / "before").read_text() == (tmp_path / "after").read_text()


def test_watching_from_elsewhere(prepared: Database, dump: Path, terminal: Callable[..., Terminal]) -> None:
    window = terminal()
    window.type(f"'{programs.REPLAY}' --dsn '{prepared.dsn}' --status --watch")
    window.wait("nothing was replayed into this database yet")
    with subprocess.Popen([programs.REPLAY, "--dsn", prepared.dsn, dump], stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE) as replay:
        text = window.wait(r"slow_table .* loading")
        assert "q or Ctrl-C ends watching" in text and "loading  " in text
        window.key("q")
        assert "finished     no" in window.wait(r"^ENDED 0")
        assert replay.poll() is None
        replay.send_signal(signal.SIGINT)
        replay.wait(PATIENCE)


def test_bar_and_plain_lines(prepared: Database, dump: Path, terminal: Callable[..., Terminal]) -> None:
    window = terminal()
    window.type(f"'{programs.REPLAY}' --dsn '{prepared.dsn}' '{dump}'")
    window.wait(r"^ *\d+% [█░]+ loading, .*slow")   # the rest may not fit
    window.key("C-c")
    assert "░" not in window.wait(r"^ENDED 11")
    plain = subprocess.Popen([programs.REPLAY, "--dsn", prepared.dsn, "--progress=plain", dump], stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, text=True)
    assert plain.stderr is not None
    assert re.match(r"valise-replay: \d+ s: +\d+% ", plain.stderr.readline())
    plain.send_signal(signal.SIGTERM)
    assert plain.wait(PATIENCE) == programs.STOPPED
    done = programs.succeed(programs.VALISE, "verify", dump)
    assert done.error == ""


def test_curses_needs_a_terminal(dump: Path) -> None:
    alone = programs.run(programs.VALISE, "verify", "--curses", dump, start_new_session=True)
    assert alone.status == programs.USAGE and "needs a terminal" in alone.error
    both = programs.run(programs.VALISE, "verify", "--curses", "--progress=json", dump)
    assert both.status == programs.USAGE and "exclude each other" in both.error


def test_a_progress_that_cannot_be_shown(dump: Path, tmp_path: Path) -> None:
    """Nothing is lost of what a file held, and no failure goes unsaid."""
    lines = tmp_path / "lines"
    programs.succeed(programs.VALISE, "verify", "--progress-file", lines, dump)
    before = lines.read_text()
    alone = programs.run(programs.VALISE, "verify", "--curses", "--progress-file", lines, dump, start_new_session=True)
    assert alone.status == programs.USAGE and lines.read_text() == before
    for mode in ("json", "plain", "auto"):
        failed = programs.run(programs.VALISE, "verify", f"--progress={mode}", "--progress-file", tmp_path / "no" / "x", dump)
        assert failed.status == programs.IO and "cannot write" in failed.error, failed
        if mode == "json":
            assert check_lines(failed.error)[-1]["exit_status"] == programs.IO


def test_restore_tells_bytes_and_steps(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "r.db")) as db:
        db.executescript("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT UNIQUE); CREATE TABLE u (b TEXT);"
                         "CREATE INDEX i ON t (b, a); CREATE INDEX j ON u (b); CREATE INDEX k ON u (b DESC);"
                         "WITH RECURSIVE n (v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n WHERE v < 50000)"
                         " INSERT INTO t SELECT v, printf('text %d', v) FROM n; INSERT INTO u SELECT b FROM t")
    programs.dump(tmp_path / "r.db", tmp_path / "r.valise")
    done = programs.succeed(programs.VALISE, "restore", "--progress=json", "-o", tmp_path / "back.db", tmp_path / "r.valise")
    entries = check_lines(done.error)
    size = sum(len(f"text {number}") for number in range(1, 50001))
    loaded = {entry["table"]: entry for entry in entries if entry["event"] == "table" and entry["state"] == "end" and entry["phase"] == "load"}
    assert all(size < loaded[table]["bytes"] < 3 * size and loaded[table]["rows"] == 50000 for table in "tu"), loaded
    [index] = [entry for entry in entries if entry["event"] == "phase" and entry["state"] == "end" and entry["phase"] == "index"]
    assert index["items"] >= 3, "each index is a step"


# --- the report --------------------------------------------------------------------------------------------


def hostile_move(database: Database, folder: Path, *words: str) -> programs.Done:
    with contextlib.closing(sqlite3.connect(folder / "h.db")) as db:
        db.execute('CREATE TABLE "%s" (a INTEGER PRIMARY KEY, b TEXT)' % HOSTILE.replace('"', '""'))
        db.execute('INSERT INTO "%s" VALUES (1, \'x\'), (2, char(0))' % HOSTILE.replace('"', '""'))
        db.commit()
    programs.succeed(programs.DUMP, "-o", folder / "h.valise", folder / "h.db")
    database.execute('CREATE TABLE "%s" (a bigint PRIMARY KEY, b text)' % HOSTILE.replace('"', '""'))
    return programs.run(programs.REPLAY, "--dsn", database.dsn + " password=geheim-7", *words, folder / "h.valise")


def test_page(database: Database, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    refused = hostile_move(database, tmp_path, "--report", str(page))
    text = page.read_text()
    assert refused.status == programs.REFUSED and "Refused" in text and "NUL" in text
    words = ["--report", str(page), "--on-bad-value=reject"]
    done = programs.run(programs.REPLAY, "--dsn", database.dsn + " password=geheim-7", *words, tmp_path / "h.valise")
    text = page.read_text()
    assert done.status == programs.REJECTED and "1 rows rejected" in text and "every row of 1 tables was read back" in text
    assert "<script" not in text and "&lt;script&gt;" in text and "\x1b" not in text and "geheim-7" not in text
    assert not re.search(r"(?:src|href|url)\s*[=(]|@import", text)
    data = tmp_path / "report.json"
    programs.succeed(programs.REPLAY, "--dsn", database.dsn, "--report", data, tmp_path / "h.valise")
    assert json.loads(data.read_text())["outcome"] == "nothing_to_do"


def test_page_in_a_browser(database: Database, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("there is no Chromium here")
    asked: list[str] = []

    class Proxy(BaseHTTPRequestHandler):
        """Notes what the browser asks for, and has nothing."""

        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        do_CONNECT = do_GET

        def log_message(self, *_words: object) -> None:
            pass

    hostile_move(database, tmp_path, "--report", str(tmp_path / "report.html"), "--on-bad-value=reject")
    server = HTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-component-update", "--disable-background-networking",
               "--no-first-run", f"--user-data-dir={tmp_path / 'browser'}", f"--proxy-server=127.0.0.1:{server.server_port}"]
    shot = tmp_path / "report.png"
    seen = subprocess.run([browser, *options, "--dump-dom", f"file://{tmp_path / 'report.html'}"],
                          capture_output=True, text=True, timeout=2 * PATIENCE, check=True).stdout
    subprocess.run([browser, *options, f"--screenshot={shot}", "--window-size=1100,1400", f"file://{tmp_path / 'report.html'}"],
                   capture_output=True, timeout=2 * PATIENCE, check=True)
    server.shutdown()
    assert "Done, but rows were rejected" in seen and "evil &lt;script&gt;" in seen
    assert shot.read_bytes().startswith(b"\x89PNG") and shot.stat().st_size > 10000
    # A browser looks for updates of its own, whatever it shows; the page asks for nothing.
    own = re.compile(r"(^|//|\.)(google|googleapis|gstatic|gvt1)\.com[:/]")
    assert not [path for path in asked if not own.search(path)], asked
