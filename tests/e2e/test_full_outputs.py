"""Standard output that takes nothing: no answer is lost without a word, and no file that was made is denied."""
from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from programs import DUMP, IO, REPLAY, VALISE, Done, dump, fail, succeed

COMMANDS = ["cat", "config", "diff", "doctor", "info", "restore", "schema", "squash", "verify"]

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")


def fill(words: list[str], *command: str | Path) -> Done:
    with open("/dev/full", "wb") as full:
        return fail(IO, [*words, "standard output", "no space left"], *command, stdout=full)


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    connection = sqlite3.connect(tmp_path / "a.db")
    connection.executescript("CREATE TABLE t(x); INSERT INTO t VALUES (1), (NULL), ('x');")
    connection.close()
    return dump(tmp_path / "a.db", tmp_path / "a.valise")


@pytest.mark.parametrize("command", [[DUMP], [REPLAY], [REPLAY, "status"], [VALISE], *([VALISE, name] for name in COMMANDS)],
                         ids=lambda command: "-".join(str(word).rsplit("/", 1)[-1] for word in command))
def test_an_answer_is_not_lost(command: list[str | Path]) -> None:
    fill([], *command, "--help")


def test_every_command_is_listed_here() -> None:
    listed = re.findall(r"^  ([a-z]+) ", succeed(VALISE, "--help").out, re.MULTILINE)
    assert listed == COMMANDS


def test_versions(packed: Path) -> None:
    for program in (DUMP, REPLAY, VALISE):
        fill([], program, "--version")


def test_what_was_made_is_there(packed: Path, tmp_path: Path) -> None:
    fill(["out.db", "complete"], VALISE, "restore", "-o", tmp_path / "out.db", packed)
    assert dump(tmp_path / "out.db", tmp_path / "again").read_bytes()[-96:-64] == packed.read_bytes()[-96:-64], "another state"
    fill(["out.valise", "complete"], VALISE, "squash", "-o", tmp_path / "out.valise", packed)
    succeed(VALISE, "verify", tmp_path / "out.valise")


def test_what_is_found_is_not_lost(packed: Path) -> None:
    for command in (["info", packed], ["verify", packed], ["cat", packed], ["diff", packed, packed], ["schema", packed]):
        fill([], VALISE, *command)
