"""`valise config`: homeserver.yaml with another database section, and nothing else changed."""
from __future__ import annotations

import json
import os
import pty
import random
import stat
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

import programs
import pseudo_terminal
from synapse_kit.configuration import Installation

SEEDS = int(os.environ.get("VALISE_SEEDS", "50")) * 4
POOL = {"cp_min": 5, "cp_max": 10, "keepalives_idle": 10, "keepalives_interval": 10, "keepalives_count": 3}
PASSWORDS = ["secret", "0123", "yes", " blank ", "it's", 'a "quote"', "back\\slash", "pass: word # no comment", "é 漢 😀", "%s{}[]&*!|>",
             "\u0085\u2028\ufeff", "tab\there", "~", "-", "'", "\x7f\x01"]


def switch(path: Path, *options: str, status: int = 0, **more: Any) -> bytes:
    done = subprocess.run([programs.VALISE, "config", path, *options], capture_output=True, timeout=60, check=False, **more)
    assert done.returncode == status, done.stderr.decode()
    return done.stdout


# --- any file that people write ------------------------------------------------------


class Author:
    """Writes commented configurations, and knows which bytes are outside the section."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.eol = self.random.choice(["\n", "\n", "\r\n"])

    def comment(self, indent: str = "") -> str:
        word = self.random.choice(["database: no", "  name: sqlite3", "é 漢 😀", "'\"{[", "", "---", "args:"])
        return f"{indent}#{self.random.choice(['', ' '])}{word}{self.eol}"

    def noise(self, indent: str = "") -> str:
        blank = self.random.choice(["", "  "]) + self.eol
        return "".join(self.random.choice([self.comment(indent), self.comment(), blank, ""]) for _ in range(self.random.randrange(4)))

    def tail(self) -> str:
        return self.random.choice(["", "", " ", "  # why: 'because'", " # \"end\""])

    def other(self, number: int) -> str:
        value = self.random.choice([
            "true", "'database: {name: sqlite3}'", '"a \\" # b"', "12", "~", "é 漢", "[a, 'b', {c: d}]", "{database: {name: sqlite3}}",
            f"{self.eol}  database:{self.eol}    name: psycopg2{self.tail()}", f"{self.eol}- a{self.eol}- database: x",
            f"|{self.eol}  database:{self.eol}    name: sqlite3{self.eol}", f">-{self.eol}  folded{self.eol}{self.eol}  # not a comment{self.eol}",
            f"plain{self.eol}  over lines", f"&mark{number} x", "!!str 7"])
        tail = "" if value.endswith(self.eol) or "\n" in value else self.tail()
        return f"key{number}: {value}{tail}" + ("" if value.endswith(self.eol) else self.eol)

    def section(self) -> str:
        """Without the break of its last line."""
        name = self.random.choice(["sqlite3", '"sqlite3"', "'sqlite3'"])
        path = self.random.choice(["/data/homeserver.db", '"/data/é #.db"', "'it''s.db'", '":memory:"'])
        key = self.random.choice(["database", "database", '"database"', "database "])
        shape = self.random.randrange(5)
        if shape == 0:
            return f"{key}: {{name: {name}, args: {{database: {path}}}}}{self.tail()}".rstrip(" \t")
        if shape == 1:
            return f"{key}: {{name: {name},{self.eol}  args: {{database: {path}{self.eol} }}{self.eol}}}{self.tail()}".rstrip(" \t")
        if shape == 2:
            return f"database_path: {path}{self.tail()}".rstrip(" \t")
        lines = [f"  name: {name}{self.tail()}", f"  args:{self.tail()}{self.eol}{self.noise('    ')}    database: {path}{self.tail()}"]
        if shape == 3:
            lines.reverse()
        return (f"{key}:{self.tail()}{self.eol}{self.noise('  ')}" + (self.eol + self.noise("  ")).join(lines)).rstrip(" \t")

    def write(self) -> tuple[bytes, bytes, bytes]:
        """What is before the section, the section, and what is after."""
        random_ = self.random
        count = random_.randrange(8)
        place = random_.randint(0, count)
        before = random_.choice(["", "", "\ufeff", f"---{self.eol}", f"%YAML 1.1{self.eol}---{self.eol}"]) + self.noise()
        before += "".join(self.other(i) + self.noise() for i in range(place))
        after = self.eol + self.noise() + "".join(self.other(i) + self.noise() for i in range(place, count))
        after += random_.choice(["", "", f"...{self.eol}"])
        if random_.random() < 0.3 and not after.endswith("..." + self.eol):
            after = after.rstrip("\r\n")
        return before.encode(), self.section().encode(), after.encode()


@pytest.mark.parametrize("first", range(0, SEEDS, 20))
def test_outside_the_section_every_byte_stays(tmp_path: Path, first: int) -> None:
    for seed in range(first, first + 20):
        before, section, after = Author(seed).write()
        path = tmp_path / "homeserver.yaml"
        path.write_bytes(before + section + after)
        old = yaml.safe_load(path.read_bytes())
        password = PASSWORDS[seed % len(PASSWORDS)]
        (tmp_path / "password").write_text(password + "\n", encoding="utf-8")
        out = switch(path, "--dsn", "user=synapse_user dbname=synapse host=db.example.org port=5433", "--password-file", tmp_path / "password")
        shown = f"seed {seed}:\n{(before + section + after).decode()}\n--- became\n{out.decode()}"
        assert out.startswith(before), shown
        # Blanks behind the section's last text are nobody's: they stay.
        assert out.endswith(after), shown
        new = yaml.safe_load(out)
        assert new.pop("database") == {"name": "psycopg2", "args": {
            "user": "synapse_user", "password": password, "dbname": "synapse", "host": "db.example.org", "port": 5433} | POOL}, shown
        old.pop("database", None), old.pop("database_path", None)
        assert new == old, shown
        middle = out[len(before):len(out) - len(after)]
        ends = b"\r\n" if b"\r\n" in before + section + after else b"\n"
        assert ends == b"\n" or middle.count(b"\n") == middle.count(ends), shown


@pytest.mark.parametrize("seed", range(8))
def test_bytes_at_random_are_refused_or_right(tmp_path: Path, seed: int) -> None:
    """Damaged files: never a crash, and never a result that says something else outside the section."""
    chosen = random.Random(seed)
    path = tmp_path / "homeserver.yaml"
    for number in range(60):
        before, section, after = Author(seed * 1000 + number).write()
        text = bytearray(before + section + after)
        for _ in range(chosen.randint(1, 4)):
            at = chosen.randrange(len(text))
            text[at:at + chosen.randrange(3)] = bytes(chosen.choice(b" :#-{}[]\"'\n\r\t&*!|>x\xc3\xa9\x00\xff") for _ in range(chosen.randrange(3)))
        path.write_bytes(text)
        done = subprocess.run([programs.VALISE, "config", path, "--set", "dbname=synapse"], capture_output=True, timeout=60, check=False)
        assert done.returncode in (0, programs.USAGE, programs.REFUSED), (bytes(text), done.stderr)
        if done.returncode == 0:
            try:
                old = yaml.safe_load(bytes(text))
            except (yaml.YAMLError, UnicodeDecodeError, ValueError):
                continue   # libyaml reads a little more than PyYAML does
            new = yaml.safe_load(done.stdout)
            assert new.pop("database")["args"]["dbname"] == "synapse"
            old.pop("database", None), old.pop("database_path", None)
            assert repr(new) == repr(old), bytes(text)


# --- what is refused, and where ------------------------------------------------------


@pytest.mark.parametrize(("text", "place", "words"), [
    ("databases: {}\n", "1:1", "several databases"),
    ("a: 1\ndatabase: &x {name: sqlite3}\n", "2:11", "anchor"),
    ("a: &x {name: sqlite3}\ndatabase: *x\n", "2:11", "alias"),
    ("database:\n  name: !!str sqlite3\n", "2:9", "tag"),
    ("database: {name: sqlite3}\na: 1\ndatabase: {name: sqlite3}\n", "3:1", "twice"),
    ("{database: {name: sqlite3}}\n", "1:1", "braces"),
    ("? database\n: {name: sqlite3}\n", "1:3", "before this key"),
    ("database:\n  name: sqlite3\n  args:\n    database: |\n      x\n", "4:15", "block text"),
    ("database: {name: mysql}\n", "1:18", "mysql"),
    ("database: {args: {}}\n", "1:11", "no \"name\""),
    ("database:\n", "1:1", "not a mapping"),
    ("database:\n  name: sqlite3\n  args:\n    vacuum: 1\n", "4:5", "vacuum"),
    ("database:\n  name: sqlite3\n  data_stores: [main]\n", "3:3", "data_stores"),
    ("a: 1\ndatabase_path: x\ndatabase: {name: sqlite3}\n", "2:1", "remove this line"),
    ("a: 1\n", "1:1", "no \"database\" section"),
    ("- a\n", "1:1", "no homeserver.yaml"),
    ("a: 1\n---\ndatabase: {name: sqlite3}\n", "2:1", "second document"),
    ("a: [\n", "2:1", "not YAML"),
    ("<<: *b\n", "1:5", "alias"),
])
def test_what_is_not_understood_is_refused_with_its_place(tmp_path: Path, text: str, place: str, words: str) -> None:
    path = tmp_path / "homeserver.yaml"
    path.write_text(text)
    programs.fail(programs.USAGE, [f"homeserver.yaml:{place}: ", words], programs.VALISE, "config", path, "--set", "dbname=synapse")


@pytest.mark.parametrize(("options", "words"), [
    ([], "which database"),
    (["--dsn", "host=db"], "which database"),
    (["--dsn", "nonsense"], "does not understand"),
    (["--dsn", "postgresql://u:top@secret@h/d"], "two \"@\""),
    (["--set", "dbname"], "not KEY=VALUE"),
    (["--set", "dbnam=x"], "dbnam"),
    (["--set", "dbname=x", "--set", "cp_max=many"], "cp_max"),
    (["--set", "dbname=x", "--set", "cp_max=4"], "cp_min is 5"),
    (["--set", "dbname=x", "--set", "cp_max=0", "--set", "cp_min=0"], "at least 1"),
    (["--set", "dbname=x", "--set", "allow_unsafe_locale=perhaps"], "true or false"),
    (["--set", "dbname=x", "--password-file", "/nowhere"], "/nowhere"),
    (["--set", "dbname=x", "-W"], "no terminal"),
    (["--set", "dbname=x", "-W", "--password-file", "x"], "exclude"),
])
def test_wrong_options(tmp_path: Path, options: list[str], words: str) -> None:
    path = tmp_path / "homeserver.yaml"
    path.write_text("database: {name: sqlite3}\n")
    done = programs.run(programs.VALISE, "config", path, *options, start_new_session=True)
    assert done.status in (programs.USAGE, programs.IO) and words in done.error and done.out == "", done
    assert "top" not in done.error and "secret" not in done.error


@pytest.mark.parametrize(("content", "words"), [
    (b"", "empty"), (b"\n", "empty"), (b"a\nb\n", "several lines"), (b"a\0b\n", "NUL"), (b"\xff\n", "UTF-8"), (b"x" * 1001, "longer")])
def test_wrong_password_files(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "homeserver.yaml").write_text("database: {name: sqlite3}\n")
    (tmp_path / "password").write_bytes(content)
    programs.fail(programs.USAGE, [words], programs.VALISE, "config", tmp_path / "homeserver.yaml", "--set", "dbname=x",
                  "--password-file", tmp_path / "password")


# --- the file that is written ----------------------------------------------------------


def test_the_output_appears_whole_and_is_private(tmp_path: Path) -> None:
    path, output = tmp_path / "homeserver.yaml", tmp_path / "homeserver-postgres.yaml"
    path.write_text("database: {name: sqlite3}\n")
    switch(path, "--set", "dbname=x", "-o", output)
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    assert output.read_bytes() == switch(path, "--set", "dbname=x")
    before = output.read_bytes()
    switch(path, "--set", "dbname=y", "-o", output, status=programs.REFUSED)
    switch(path, "--set", "dbnam=y", "-o", output, "--force", status=programs.USAGE)
    assert output.read_bytes() == before and sorted(p.name for p in tmp_path.iterdir()) == ["homeserver-postgres.yaml", "homeserver.yaml"]
    switch(path, "--set", "dbname=y", "-o", output, "--force")
    assert b'"y"' in output.read_bytes()
    switch(path, "--set", "dbname=y", "-o", tmp_path / "no/folder", status=programs.IO)
    if Path("/dev/full").exists():
        switch(path, "--set", "dbname=y", "-o", "/dev/full", status=programs.IO)


def test_a_section_that_names_postgresql_is_changed_only_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "homeserver.yaml"
    text = ("a: 1\ndatabase:\n  name: psycopg2\n  txn_limit: 10000\n  args:\n    user: u\n    password: old secret\n    database: synapse\n"
            "    sslmode: verify-full\n    cp_max: 10\nb: 2\n")
    path.write_text(text)
    done = programs.fail(programs.REFUSED, ["cp_max", '"10"', '"20"', "password: differs", "--replace"], programs.VALISE, "config", path,
                         "--set", "cp_max=20", "--set", "password=new secret")
    assert "old secret" not in done.error and "new secret" not in done.error
    assert switch(path, "--set", "cp_max=10", "--set", "user=u") == text.encode()   # as it is
    new = yaml.safe_load(switch(path, "--set", "cp_max=20", "--replace"))
    assert new == {"a": 1, "b": 2, "database": {"name": "psycopg2", "txn_limit": 10000, "args": {
        "user": "u", "password": "old secret", "dbname": "synapse", "sslmode": "verify-full"} | POOL | {"cp_max": 20}}}


def test_a_password_on_the_command_line_is_taken_but_said(tmp_path: Path) -> None:
    path = tmp_path / "homeserver.yaml"
    path.write_text("database: {name: sqlite3}\n")
    done = programs.succeed(programs.VALISE, "config", path, "--dsn", "postgresql://u:p%40ss@h/d")
    assert yaml.safe_load(done.out)["database"]["args"]["password"] == "p@ss"
    assert "was on the command line" in done.error and "p@ss" not in done.error
    out = switch(path, "--dsn", "dbname=d", "--password-file", "-", input="von der Röhre\n".encode())
    assert yaml.safe_load(out)["database"]["args"]["password"] == "von der Röhre"


def ask(path: Path, typed: bytes) -> tuple[int, bytes, bytes]:
    """Status, standard output, and what a terminal showed, of `config -W`."""
    pseudo_terminal.need()
    read_end, write_end = os.pipe()
    child, terminal = pty.fork()
    if child == 0:
        os.dup2(write_end, 1)
        os.execv(programs.VALISE, ["valise", "config", str(path), "--set", "dbname=d", "-W"])
    os.close(write_end)
    shown, deadline = b"", time.monotonic() + 60
    while b"Password:" not in shown:
        assert time.monotonic() < deadline
        shown += os.read(terminal, 1000)
    os.write(terminal, typed)
    out = b"".join(iter(lambda: os.read(read_end, 65536), b""))
    try:
        while chunk := os.read(terminal, 1000):
            shown += chunk
    except OSError:
        pass   # the other end is closed
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.close(terminal)
    os.close(read_end)
    return status, out, shown


def test_the_password_is_asked_for_and_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "homeserver.yaml"
    path.write_text("database: {name: sqlite3}\n")
    status, out, shown = ask(path, b"top secret\n")
    assert status == 0 and yaml.safe_load(out)["database"]["args"]["password"] == "top secret"
    assert b"top secret" not in shown
    status, out, shown = ask(path, b"half\x03")   # Ctrl-C
    assert (status, out) == (programs.STOPPED, b"") and b"half" not in shown


# --- Synapse's own file --------------------------------------------------------------------


READ = """
import json, sys
from synapse.config.homeserver import HomeServerConfig
found = HomeServerConfig.load_config("test", ["-c", sys.argv[1]])
one = found.database.get_single_database()
print(json.dumps([one.config, found.server.server_name]))
"""


def test_the_file_that_synapse_generates(synapse: Installation, tmp_path: Path) -> None:
    """Debian's package, the containers and pip all begin with it."""
    path, output = tmp_path / "homeserver.yaml", tmp_path / "homeserver-postgres.yaml"
    python = synapse.python
    if python is None:
        pytest.skip("needs a Synapse outside of a chroot")
    programs.succeed(python, "-m", "synapse.app.homeserver", "--server-name", "example.org", "--config-path", path, "--generate-config",
                     "--report-stats=no", cwd=tmp_path)
    switch(path, "--dsn", "user=synapse_user dbname=synapse host=localhost", "--set", "txn_limit=10000", "-o", output)
    old, new = path.read_bytes().splitlines(keepends=True), output.read_bytes().splitlines(keepends=True)
    first = old.index(b"database:\n")
    assert new[:first] == old[:first] and old[first + 4:] == new[-len(old[first + 4:]):]
    config, name = json.loads(programs.succeed(python, "-c", READ, output).out.splitlines()[-1])
    assert name == "example.org"
    assert config == {"name": "psycopg2", "txn_limit": 10000,
                      "args": {"user": "synapse_user", "dbname": "synapse", "host": "localhost"} | POOL}
