"""Manual pages and the completion of shells say what --help says, in real shells."""
from __future__ import annotations

import json
import os
import pty
import re
import select
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import pseudo_terminal
from running import ROOT, program

BUILD = ROOT / os.environ.get("VALISE_BUILD_DIR", "build")
PROGRAMS = {"valise": "tools", "valise-dump": "dump", "valise-replay": "replay"}
OPTION = re.compile(r"^ {2,6}(?:-(\w), )?--([a-z][a-z-]*)", re.MULTILINE)


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"there is no {name} here")
    return found


def said(*command: object) -> str:
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True, timeout=60).stdout


def pages() -> list[tuple[str, list[object]]]:
    """Every page of section 1, and the command whose --help it must say."""
    found: list[tuple[str, list[object]]] = [(name, [program(folder, name)]) for name, folder in PROGRAMS.items()]
    valise = program("tools", "valise")
    commands = json.loads(said(valise, "--help=json"))["commands"]
    return found + [(f"valise-{entry['name']}", [valise, entry["name"]]) for entry in commands]


def page(name: str) -> Path:
    path = BUILD / "docs/man" / name
    if not (BUILD / "docs/man/valise.1").exists():
        pytest.skip("the manual pages were not made: lowdown is not installed")
    assert path.exists(), f"there is no {name}: docs/man/meson.build must name the command"
    return path


def test_every_option_of_help_is_in_the_page_and_the_other_way_round() -> None:
    checked = 0
    for name, command in pages():
        in_help = {(letter or "", long) for letter, long in OPTION.findall(said(*command, "--help"))}
        roff = page(f"{name}.1").read_text().replace("\\-", "-").replace("\\(rs", "\\")
        tags = re.findall(r"^\.TP\n(\\fB--?.*)$", roff, re.MULTILINE)
        in_page = {((re.search(r"\\fB-(\w)\\fR", tag) or [None, ""])[1], (re.search(r"\\fB--([a-z-]+)", tag) or [None, ""])[1]) for tag in tags}
        assert in_help and in_help == in_page, name
        checked += len(in_help)
    assert checked > 40


def test_every_page_has_the_words_of_help() -> None:
    def words(text: str) -> str:
        return " ".join(text.split())

    for name, command in pages():
        described = json.loads(said(*command, "--help=json"))
        shown = words(re.sub(r"\\f[BIR]|\\&", "", page(f"{name}.1").read_text()).replace("\\-", "-").replace("\\(rs", "\\"))
        for option in described["options"]:
            assert words(option.get("help") or option["heading"]) in shown, (name, option)
        assert words(described["summary"]) in shown


def test_pages_are_sound() -> None:
    names = sorted(path.name for path in (BUILD / "docs/man").glob("*.[15]"))
    page("valise.1")
    assert {"valise-profile.5", "valise-homeserver.5"} < set(names)
    mandoc = tool("mandoc")
    for name in names:
        done = subprocess.run([mandoc, "-T", "lint", "-W", "warning", page(name)], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout + done.stderr) == (0, ""), name


def test_man_shows_them_without_a_warning() -> None:
    man = tool("man")
    if shutil.which("groff") is None:
        pytest.skip("there is no groff here")
    page("valise.1")
    for path in sorted((BUILD / "docs/man").glob("*.[15]")):
        done = subprocess.run([man, "--warnings", "-l", path], capture_output=True, text=True, timeout=60, env={**os.environ, "MANWIDTH": "80"})
        assert done.returncode == 0 and done.stderr == "", (path.name, done.stderr)
        assert "NAME" in done.stdout and "SEE ALSO" in done.stdout


# --- completion --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dump with a few tables, and the programs by their names."""
    path = tmp_path_factory.mktemp("completion")
    with sqlite3.connect(path / "a.db") as database:
        for name in ("users", "user_ips", "events", "odd name"):
            database.execute(f'CREATE TABLE "{name}" (a)')
    database.close()
    subprocess.run([program("dump", "valise-dump"), "--progress=none", "-o", path / "a.valise", path / "a.db"], check=True, timeout=60)
    (path / "bin").mkdir()
    for name, place in PROGRAMS.items():
        (path / "bin" / name).symlink_to(program(place, name).resolve())
    return path


class Shell:
    """An interactive shell in a real terminal: what is typed, and what it shows."""

    def __init__(self, command: list[str], folder: Path) -> None:
        pseudo_terminal.need()
        self.child, self.terminal = pty.fork()
        if self.child == 0:
            os.chdir(folder)
            environment = {"PATH": f"{folder}/bin:{os.environ['PATH']}", "TERM": "dumb", "HOME": str(folder), "PS1": "ready> ", "LC_ALL": "C.UTF-8"}
            os.execvpe(command[0], command, environment)
        self.shown = ""

    def type(self, text: str) -> None:
        self.shown = ""
        os.write(self.terminal, text.encode())

    def expect(self, words: str) -> None:
        deadline = time.monotonic() + 60
        while words not in self.shown:
            ready, _, _ = select.select([self.terminal], [], [], 1)
            assert time.monotonic() < deadline, f"{words!r} did not come; shown: {self.shown!r}"
            if ready:
                self.shown += os.read(self.terminal, 65536).decode(errors="replace")

    def close(self) -> None:
        os.close(self.terminal)
        os.kill(self.child, 9)
        os.waitpid(self.child, 0)


@pytest.fixture
def bash(folder: Path) -> Iterator[Shell]:
    shell = Shell([tool("bash"), "--norc", "--noprofile", "-i"], folder)
    for name in PROGRAMS:
        shell.type(f"source {(BUILD / 'docs/completion' / name).resolve()}; echo re''ady\n")
        shell.expect("ready")
    shell.type("bind 'set show-all-if-ambiguous on'; bind 'set page-completions off'; echo no''w\n")
    shell.expect("now")
    yield shell
    shell.close()


@pytest.fixture
def zsh(folder: Path) -> Iterator[Shell]:
    shell = Shell([tool("zsh"), "-f", "-i"], folder)
    shell.type(f"fpath=({(BUILD / 'docs/completion').resolve()} $fpath); unsetopt zle_bracketed_paste; autoload -U compinit; compinit -u -D; "
               "LISTMAX=1000; echo no''w\n")
    shell.expect("now")
    yield shell
    shell.close()


COMPLETED = [
    ("valise ver", "verify "),
    ("valise cat --form", "--format="),
    ("valise cat --format=j", "jsonl"),
    ("valise cat --table ev", "events"),
    ("valise cat a.valise --table ev", "events"),
    ("valise cat --table=us", "user"),
    ("valise-dump --onl", "--online="),
    ("valise-dump -o a.v", "a.valise"),
    ("valise-replay --on-dri", "--on-drift="),
    ("valise-replay --on-drift over", "overwrite"),
    ("valise info a.va", "a.valise"),
]


@pytest.mark.parametrize(("typed", "completed"), COMPLETED)
def test_bash(bash: Shell, typed: str, completed: str) -> None:
    bash.type(typed + "\t")
    bash.expect(typed + completed.removeprefix(re.split(r"[ =]", typed)[-1]))


def test_bash_lists_what_there_is(bash: Shell) -> None:
    bash.type("valise cat --table \t")
    for table in ("users", "user_ips", "events", "odd\\ name"):
        bash.expect(table)
    bash.type("\x15valise \t")
    for name, _ in pages()[3:]:
        bash.expect(name.removeprefix("valise-"))


@pytest.mark.parametrize(("typed", "completed"), COMPLETED)
def test_zsh(zsh: Shell, typed: str, completed: str) -> None:
    zsh.type(typed + "\t")
    zsh.expect(completed.removeprefix(re.split(r"[ =]", typed)[-1]))


def test_zsh_lists_what_there_is(zsh: Shell) -> None:
    zsh.type("valise cat --table \t")
    for table in ("users", "user_ips", "events"):
        zsh.expect(table)
    zsh.type("\x15valise \t")
    for name, _ in pages()[3:]:
        zsh.expect(name.removeprefix("valise-"))


@pytest.mark.parametrize(("typed", "completed"), COMPLETED)
def test_fish(folder: Path, typed: str, completed: str) -> None:
    fish = tool("fish")
    place = (BUILD / "docs/completion").resolve()
    done = subprocess.run([fish, "--no-config", "-c", f"set -p fish_complete_path {place}; complete -C {json.dumps(typed)}"], cwd=folder,
                          capture_output=True, text=True, timeout=60,
                          env={"PATH": f"{folder}/bin:{os.environ['PATH']}", "HOME": str(folder), "LC_ALL": "C.UTF-8", "TERM": "dumb"})
    found = [line.split("\t")[0] for line in done.stdout.splitlines()]
    assert any(completed.strip().rstrip("=") in word for word in found), (found, done.stderr)
