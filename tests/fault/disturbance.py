"""What is done to a replay, and when."""
from __future__ import annotations

import collections
import contextlib
import os
import random
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from proxy import Aim, Proxy
from server import Server
from space import Space
from statements import TARGETS

KINDS = ["kill", "kill", "kill", "terminate", "terminate", "crash", "cut", "cut", "bytes", "bytes", "pause", "freeze", "full", "interrupt", "end"]
SIGNALS = {"kill": signal.SIGKILL, "interrupt": signal.SIGINT, "end": signal.SIGTERM}
PAUSES = [0.05, 0.2, 1.2]   # seconds
PLACES = ["before", "within", "after"]

# Exit statuses (base/error.h) that a replay may end with after each; 0: it was done, or did not notice.
STATUSES = {"kill": {0, -signal.SIGKILL}, "terminate": {0, 8}, "crash": {0, 8}, "cut": {0, 8}, "bytes": {0, 8}, "pause": {0},
            "freeze": {0}, "full": {0, 8}, "interrupt": {0, 11}, "end": {0, 11}}

SOON = 0.02       # seconds; about as long as a program needs for its first statement
START = "start"   # no statement yet: a signal may even come before the program handles it


@dataclass
class Place:
    """Where a replay works."""

    server: Server
    database: str
    proxy: Proxy
    space: Space | None   # that the database lies in, if it does


def freeze_one(pids: list[int], dice: random.Random) -> None:
    """Halt the server's process of a session for a moment."""
    pid, pause = pids[0] if dice.random() < 0.5 else dice.choice(pids), dice.choice(PAUSES)
    with contextlib.suppress(ProcessLookupError, FileNotFoundError):
        if b"postgres" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGSTOP)
            time.sleep(pause)
            os.kill(pid, signal.SIGCONT)


def terminate_one(server: Server, pids: list[int], dice: random.Random) -> None:
    pid = pids[0] if dice.random() < 0.5 else dice.choice(pids)
    server.execute("postgres", f"SELECT pg_terminate_backend({pid})")


@dataclass
class Disturbance:
    """One thing to do, at one moment: at a statement, or after some time."""

    kind: str
    aim: Aim | None
    delay: float    # seconds; after the statement is let go, if it is hit within
    size: int = 0   # bytes that still pass, for the kind "bytes"

    def __str__(self) -> str:
        when = f"after {self.delay * 1000:.0f} ms"
        if self.aim:
            when = f"{self.aim.place} statement {self.aim.number} of \"{self.aim.phase or 'all'}\""
            when += f" and {self.delay * 1000:.0f} ms" if self.aim.place == "within" else ""
        return f"{self.kind} {when}" + (f" and {self.size} bytes" if self.kind == "bytes" else "")

    def wait(self, process: subprocess.Popen[bytes], proxy: Proxy) -> str | None:
        """The phase at the right moment; None if the process has ended before."""
        due = time.monotonic() + self.delay
        while self.aim and not proxy.arrived.wait(0.02):
            if process.poll() is not None:
                return None
        if self.aim and self.aim.place == "within":
            due = time.monotonic() + self.delay
        phase = proxy.aimed.phase if self.aim and proxy.aimed else None
        if not self.aim or self.aim.place == "within":
            time.sleep(max(due - time.monotonic(), 0))
        if process.poll() is not None:
            return None
        return phase or proxy.phase() or START

    def strike(self, process: subprocess.Popen[bytes], place: Place, dice: random.Random) -> str | None:
        """Wait, and do it; the phase that was hit, None if the process has ended before."""
        phase = self.wait(process, place.proxy)
        if phase is not None and self.kind == "bytes":
            phase = self.wait_for_cut(process, place.proxy, dice)
        elif phase is not None:
            self.do(process, place, dice)
        place.proxy.release()
        return phase

    def wait_for_cut(self, process: subprocess.Popen[bytes], proxy: Proxy, dice: random.Random) -> str | None:
        proxy.cut_after(self.size, dice)
        proxy.release()
        while process.poll() is None and not proxy.has_cut:
            time.sleep(0.002)
        proxy.pass_all()
        return proxy.seen or START if proxy.has_cut else None

    def do(self, process: subprocess.Popen[bytes], place: Place, dice: random.Random) -> None:
        if self.kind in SIGNALS:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(SIGNALS[self.kind])
        elif self.kind == "pause":
            process.send_signal(signal.SIGSTOP)
            time.sleep(dice.choice(PAUSES))
            process.send_signal(signal.SIGCONT)
        elif self.kind == "crash":
            place.server.crash()
        elif self.kind == "full":
            assert place.space
            place.space.fill()
        elif self.kind == "cut":
            place.proxy.cut(dice)
        elif pids := place.proxy.sessions():
            if self.kind == "freeze":
                freeze_one(pids, dice)
            else:
                terminate_one(place.server, pids, dice)


def choose(dice: random.Random, duration: float, counts: collections.Counter[str]) -> Disturbance:
    """By what an undisturbed replay takes: seconds, and statements by phase. A run that goes on has fewer, so early ones are likelier."""
    kind = dice.choice(KINDS)
    size = int(100_000 ** dice.random())
    if dice.random() < 0.2:
        last = SOON if dice.random() < 0.3 else duration * 1.05
        return Disturbance(kind, None, dice.random() * last, size)
    phase = dice.choice([phase for phase in TARGETS if counts[phase]])
    number = dice.randint(1, counts[phase]) if dice.random() < 0.5 else int(counts[phase] ** dice.random())
    return Disturbance(kind, Aim(phase, number, dice.choice(PLACES)), dice.choice([0, 0, dice.random() * 0.03]), size)


def choose_for_abort(dice: random.Random) -> Disturbance:
    kind = dice.choice(["kill", "terminate", "crash", "cut", "bytes", "pause"])
    return Disturbance(kind, Aim(None, dice.randint(1, 80), dice.choice(PLACES)), dice.choice([0, dice.random() * 0.01]), int(10000 ** dice.random()))
