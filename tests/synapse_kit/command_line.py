"""The kit's command line: python3 -m synapse_kit COMMAND ..."""
from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from . import __doc__ as about
from .check import Check
from .client import Client
from .configuration import Installation, database_section, homeserver_yaml, port_of
from .expectations import Expectations
from .mutate import Mutate
from .populate import Populate
from .process import prepare, snapshot, start, stop

SIZES = {"small": 300, "medium": 3000}


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    return options.run(options) or 0


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="synapse_kit", description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], int | None], text: str, *aliases: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text, aliases=aliases)
        sub.set_defaults(run=run)
        return sub

    def installed(sub: argparse.ArgumentParser, required: bool) -> None:
        where = sub.add_mutually_exclusive_group(required=required)
        where.add_argument("--python", type=Path, help="interpreter of a virtualenv that has matrix-synapse[postgres]")
        where.add_argument("--chroot", type=Path, help="root of a system that has Synapse; all paths given must lie below it")

    sub = command("config", run_config, "write a homeserver.yaml to standard output")
    sub.add_argument("--db", required=True, help="sqlite:PATH or postgres:DSN")
    sub.add_argument("--dir", type=Path, required=True, help="folder of this homeserver (its media store is made there)")
    sub.add_argument("--port", type=int, required=True, help="port of the listener on 127.0.0.1")
    sub.add_argument("--server-name", default="localhost:8800")
    installed(sub, required=False)

    sub = command("prepare", run_prepare, "make the schema in an empty database, of either kind, and finish all "
                  "background updates", "prepare-postgres")
    sub.add_argument("--config", type=Path, required=True)
    installed(sub, required=True)

    sub = command("start", run_start, "start a homeserver and wait until it answers")
    sub.add_argument("--config", type=Path, required=True)
    sub.add_argument("--dir", type=Path, required=True, help="folder for homeserver.log and homeserver.pid")
    installed(sub, required=True)

    sub = command("stop", run_stop, "stop a homeserver and wait until it has ended")
    sub.add_argument("--dir", type=Path, required=True)

    sub = command("snapshot", run_snapshot, "copy a SQLite database consistently, also while it is in use")
    sub.add_argument("database", type=Path)
    sub.add_argument("target", type=Path)

    for name, run, text in (("populate", run_populate, "make users, rooms and messages; add to the expectations"),
                            ("mutate", run_mutate, "change what is there; bring the expectations up to date")):
        sub = command(name, run, text)
        sub.add_argument("--url", required=True)
        sub.add_argument("--tag", required=True, help="part of all names made, new for every run on one server")
        sub.add_argument("--size", default="small", help="messages: small (300), medium (3000) or a number")
        sub.add_argument("--seed", default="1")
        sub.add_argument("--expect", type=Path, required=True, help="expectations file, made by the first populate")

    sub = command("check", run_check, "assert that a server meets its expectations; TAP, and status 1 if it does not")
    sub.add_argument("--url", required=True)
    sub.add_argument("--expect", type=Path, required=True)
    sub.add_argument("--log", type=Path, help="the server's log, to be searched for complaints about the database")
    return top


def installation_of(options: argparse.Namespace) -> Installation:
    return Installation(options.python, options.chroot)


def run_config(options: argparse.Namespace) -> None:
    installation = installation_of(options)
    options.dir.mkdir(parents=True, exist_ok=True)
    sys.stdout.write(homeserver_yaml(database_section(options.db, installation), installation.inside(options.dir),
                                     options.port, options.server_name))


def run_prepare(options: argparse.Namespace) -> None:
    prepare(installation_of(options), options.config)


def run_start(options: argparse.Namespace) -> None:
    print(f"homeserver {start(installation_of(options), options.config, options.dir)} answers "
          f"on http://127.0.0.1:{port_of(options.config)}")


def run_stop(options: argparse.Namespace) -> None:
    stop(options.dir)


def run_snapshot(options: argparse.Namespace) -> None:
    snapshot(options.database, options.target)


def size_of(text: str) -> int:
    return SIZES[text] if text in SIZES else int(text)


def run_populate(options: argparse.Namespace) -> None:
    world = Expectations.load(options.expect) if options.expect.exists() else Expectations()
    Populate(Client(options.url), world, options.tag, options.seed).run(size_of(options.size))
    world.save(options.expect)


def run_mutate(options: argparse.Namespace) -> None:
    world = Expectations.load(options.expect)
    Mutate(Client(options.url), world, options.tag, options.seed).run(size_of(options.size))
    world.save(options.expect)


def run_check(options: argparse.Namespace) -> int:
    check = Check(Client(options.url), Expectations.load(options.expect), options.log)
    is_good = check.run()
    print(f"# {check.number - len(check.failures)} of {check.number} expectations hold")
    return 0 if is_good else 1
