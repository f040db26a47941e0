"""docs/moving-synapse.md, to the letter: its frames are run in their order against a real Synapse."""
from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import homeserver
import programs
from conftest import Server
from synapse_kit.check import Check
from synapse_kit.client import Client
from synapse_kit.configuration import Installation
from synapse_kit.expectations import Expectations
from synapse_kit.mutate import Mutate
from synapse_kit.populate import Populate

MANUAL = programs.ROOT / "docs/moving-synapse.md"
FRAME = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MESSAGES = 60


def frames() -> dict[int, list[str]]:
    """The commands of every step."""
    steps = re.split(r"^## (\d+)\. .*$", MANUAL.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {int(number): FRAME.findall(text) for number, text in zip(steps[::2], steps[1::2])}


class Administrator:
    """A root shell in an empty folder, on a host with Synapse, PostgreSQL and Valise."""

    def __init__(self, old: homeserver.Homeserver, server: Server, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        kit = f"PYTHONPATH={shlex.quote(str(programs.ROOT / 'tests'))} {shlex.quote(sys.executable)} -m synapse_kit"
        installation = old.installation
        installed = f"--chroot {installation.chroot}" if installation.chroot else f"--python {installation.python}"
        where = f"PGHOST={shlex.quote(server.folder)} PGPORT={server.port} PGUSER={server.user} PGDATABASE=postgres"
        update = shlex.join(installation.script("update_synapse_database"))
        group = subprocess.run(["id", "-gn"], capture_output=True, text=True, check=True).stdout.strip()
        (folder / "bin").mkdir()
        for program in (programs.DUMP, programs.REPLAY, programs.VALISE):
            (folder / "bin" / program.name).symlink_to(program.resolve())
        # The host's frame: everything else is the manual's.
        self.first = "\n".join([
            "set -euo pipefail",
            f"config={shlex.quote(str(old.config))} sqlite={shlex.quote(str(old.folder / 'homeserver.db'))} group={group}",
            f'dbhost="127.0.0.1 port={server.port}"',
            f"stop_synapse()    {{ {kit} stop --dir {shlex.quote(str(old.folder))}; }}",
            f"start_synapse()   {{ {kit} start --config \"$config\" --dir {shlex.quote(str(old.folder))} {installed}; }}",
            f"update_database() {{ {update} \"$@\"; }}",
            f"as_postgres()     {{ {where} \"$@\"; }}", ""])
        self.named = set(re.findall(r"^(\w+)(?:=|\(\))", frames()[1][0], re.MULTILINE))
        assert self.named == {"config", "sqlite", "group", "dbhost", "stop_synapse", "start_synapse", "update_database", "as_postgres"}

    def run(self, commands: str) -> str:
        # Not the pipes of these tests: a Synapse that was started holds them open.
        with (self.folder / "out.log").open("w+") as log:
            done = subprocess.run(["bash", "-c", self.first + commands], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                  timeout=300, env={**os.environ, "PATH": f"{self.folder}/bin:{os.environ['PATH']}"})
            log.seek(0)
            out = log.read()
        print(f"$ {commands}{out}")
        assert done.returncode == 0, f"{commands}\nstatus {done.returncode}\n{out}"
        return out


def check(old: homeserver.Homeserver, expectations: Path) -> None:
    done = Check(Client(old.url), Expectations.load(expectations), old.log)
    done.run()
    assert not done.failures, f"{len(done.failures)} of {done.number} expectations fail; see the TAP above"


@pytest.fixture
def server(postgres: Server) -> Iterator[Server]:
    """The throwaway server as one that is meant to last, which the doctor demands."""
    postgres.execute("postgres", "ALTER SYSTEM SET fsync = on")
    postgres.execute("postgres", "SELECT pg_reload_conf()")
    yield postgres
    postgres.execute("postgres", "ALTER SYSTEM RESET fsync")
    postgres.execute("postgres", "SELECT pg_reload_conf()")


def test_the_manual_to_the_letter(synapse: Installation, server: Server, tmp_path: Path) -> None:
    steps = frames()
    assert sorted(steps) == list(range(1, 11)) and sum(map(len, steps.values())) >= 10
    server.drop("synapse")
    server.execute("postgres", "DROP ROLE IF EXISTS synapse_user")
    old = homeserver.on_sqlite(synapse, tmp_path / "synapse")
    old.prepare()
    before = old.config.read_bytes()
    administrator = Administrator(old, server, tmp_path / "move")
    expectations = tmp_path / "expect.json"
    world = Expectations()
    administrator.run("start_synapse\n")
    try:
        client = Client(old.url)
        Populate(client, world, "spring", "1").run(MESSAGES)
        for step in (2, 3, 4):
            for commands in steps[step]:
                out = administrator.run(commands)
        assert out.strip() == "", f"work is pending: {out}"
        for commands in steps[5]:
            administrator.run(commands)
        Mutate(client, world, "autumn", "1").run(20)   # life goes on between the passes
        world.save(expectations)
        for step in (6, 7):
            for commands in steps[step]:
                administrator.run(commands)
        check(old, expectations)
        log = old.log.read_text(errors="replace")
        for words in ("gone backwards", "is behind table", "is inconsistent with"):
            assert words not in log
        new, was = yaml.safe_load(old.config.read_bytes()), yaml.safe_load(before)
        assert new.pop("database")["name"] == "psycopg2" and was.pop("database")["name"] == "sqlite3" and new == was
        for commands in steps[8] + steps[9]:
            administrator.run(commands)
        assert old.config.read_bytes() == before
        check(old, expectations)
    finally:
        administrator.run("stop_synapse\n")
        server.drop("synapse")
        server.execute("postgres", "DROP ROLE IF EXISTS synapse_user")
