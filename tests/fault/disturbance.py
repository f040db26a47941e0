"""What is done to a replay, and when."""
from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from dataclasses import dataclass

import psycopg2

from proxy import Proxy
from server import Server
from space import Space

KINDS = ["kill", "kill", "terminate", "terminate", "crash", "cut", "bytes", "bytes", "pause", "freeze", "full", "interrupt", "end"]
SIGNALS = {"kill": signal.SIGKILL, "interrupt": signal.SIGINT, "end": signal.SIGTERM}
PAUSES = [0.05, 0.3, 1.5]   # seconds

# Exit statuses (base/error.h) that a replay may end with after each; 0: it was done, or did not notice.
STATUSES = {"kill": {0, -signal.SIGKILL}, "terminate": {0, 8}, "crash": {0, 8}, "cut": {0, 8}, "bytes": {0, 8}, "pause": {0},
            "freeze": {0}, "full": {0, 8}, "interrupt": {0, 11}, "end": {0, 11}}

START = "start"   # no session yet: a signal may even come before the program handles it

# The phase of a replay by what its sessions execute; the first that any of them is at counts.
PHASES = [
    ("verify", ("COPY (SELECT",)),
    ("indexes", ("CREATE INDEX", "CREATE UNIQUE INDEX")),
    ("foreign keys", ("FOREIGN KEY",)),
    ("triggers", ("ENABLE TRIGGER", "ENABLE ALWAYS TRIGGER", "ENABLE REPLICA TRIGGER")),
    ("constraints", ("ADD CONSTRAINT",)),
    ("analyse", ("ANALYZE \"",)),
    ("sequences", ("setval(", "SELECT max(", "SELECT -min(")),
    ("derive", ("valise_staging",)),
    ("load", ("COPY ", "valise.part VALUES")),
    ("enter phase", ("UPDATE valise.replay",)),
    ("take down", ("CREATE SCHEMA", "INSERT INTO valise.", "DROP ", "DISABLE TRIGGER", "CREATE TABLE", "TRUNCATE")),
    ("commit", ("COMMIT",)),
    ("check", ("SELECT", "SHOW", "SET", "BEGIN")),
]
TARGETS = [name for name, _ in PHASES]


def phase_of(queries: list[str]) -> str | None:
    for name, marks in PHASES:
        if any(mark.lower() in query.lower() for query in queries for mark in marks):
            return name
    return None


class Watch:
    """Looks from another database at what the sessions of a replay do."""

    def __init__(self, server: Server, database: str) -> None:
        self.server, self.database, self.seen = server, database, START
        self.connection = psycopg2.connect(server.dsn("postgres", server.superuser))
        self.connection.autocommit = True
        self.earlier = tuple(self.sessions())   # of a killed replay, not yet noticed by the server

    def sessions(self) -> list[int]:
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT pid FROM pg_stat_activity WHERE datname = %s AND application_name = 'valise-replay' ORDER BY pid",
                           [self.database])
            return [pid for (pid,) in cursor.fetchall()]

    def close(self) -> None:
        self.connection.close()

    def look(self) -> str:
        """The phase now; between two statements, the one before."""
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT query FROM pg_stat_activity WHERE datname = %s AND application_name = 'valise-replay'"
                           " AND state <> 'idle' AND pid <> ALL (%s::int[])", [self.database, list(self.earlier)])
            self.seen = phase_of([query for (query,) in cursor.fetchall()]) or self.seen
        return self.seen

    def freeze_one(self, dice: random.Random) -> None:
        """Halt the server's process of a session for a moment."""
        pids = self.sessions()
        pause = dice.choice(PAUSES)
        if pids:
            pid = dice.choice(pids)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                time.sleep(pause)
                os.kill(pid, signal.SIGCONT)

    def terminate_one(self, dice: random.Random) -> None:
        pids = self.sessions()
        if pids:
            with self.connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(%s)", [dice.choice(pids)])


@dataclass
class Place:
    """Where a replay works."""

    database: str
    proxy: Proxy
    space: Space | None   # that the database lies in, if it does


@dataclass
class Disturbance:
    """One thing to do, at one moment: after some time, or when a phase is seen and then some time."""

    kind: str
    phase: str | None
    delay: float
    size: int = 0   # bytes that still pass, for the kind "bytes"

    def __str__(self) -> str:
        when = f"at \"{self.phase}\" and {self.delay * 1000:.0f} ms" if self.phase else f"after {self.delay * 1000:.0f} ms"
        return f"{self.kind} {when}" + (f" and {self.size} bytes" if self.kind == "bytes" else "")

    def wait(self, process: subprocess.Popen[bytes], watch: Watch) -> str | None:
        """The phase at the right moment; None if the process has ended before."""
        due = None if self.phase else time.monotonic() + self.delay
        while process.poll() is None:
            phase = watch.look()
            if due is None and phase == self.phase:
                due = time.monotonic() + self.delay
            if due is not None and time.monotonic() >= due:
                return phase
            time.sleep(0.001)
        return None

    def strike(self, process: subprocess.Popen[bytes], watch: Watch, place: Place, dice: random.Random) -> str | None:
        """Wait, and do it; the phase that was hit, None if the process has ended before."""
        phase = self.wait(process, watch)
        if phase is None:
            return None
        if self.kind == "bytes":
            return self.wait_for_cut(process, watch, place.proxy, dice)
        self.do(process, watch, place, dice)
        return phase

    def wait_for_cut(self, process: subprocess.Popen[bytes], watch: Watch, proxy: Proxy, dice: random.Random) -> str | None:
        proxy.cut_after(self.size, dice)
        while process.poll() is None and not proxy.has_cut:
            watch.look()
            time.sleep(0.001)
        proxy.pass_all()
        return watch.seen if proxy.has_cut else None

    def do(self, process: subprocess.Popen[bytes], watch: Watch, place: Place, dice: random.Random) -> None:
        if self.kind in SIGNALS:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(SIGNALS[self.kind])
        elif self.kind == "pause":
            process.send_signal(signal.SIGSTOP)
            time.sleep(dice.choice(PAUSES))
            process.send_signal(signal.SIGCONT)
        elif self.kind == "freeze":
            watch.freeze_one(dice)
        elif self.kind == "terminate":
            watch.terminate_one(dice)
        elif self.kind == "crash":
            watch.server.crash()
        elif self.kind == "full":
            assert place.space
            place.space.fill()
        else:
            place.proxy.cut(dice)


def choose(dice: random.Random, duration: float, traffic: int) -> Disturbance:
    """By what an undisturbed replay takes: seconds, and bytes through the network."""
    kind = dice.choice(KINDS)
    size = int(traffic ** dice.random())
    if dice.random() < 0.6:
        return Disturbance(kind, dice.choice(TARGETS), dice.choice([0, 0, dice.random() * 0.03]), size)
    return Disturbance(kind, None, dice.random() * duration * 1.05, size)
