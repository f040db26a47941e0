"""Break replays at random moments, and compare what becomes of them with a replay that nobody disturbed."""
from __future__ import annotations

import collections
import os
import random
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import fixture
from disturbance import SIGNALS, START, STATUSES, Disturbance, Watch, choose
from fingerprint import differences, fingerprint
from proxy import Proxy
from server import ROOT, Server

BUILD = ROOT / os.environ.get("VALISE_BUILD_DIR", "build")
DUMP, REPLAY = BUILD / "dump/valise-dump", BUILD / "replay/valise-replay"

REFUSED = 9
PATIENCE = 15.0      # seconds after which a replay must be able to go on
TIME_MAX = 120.0     # seconds for one run


class Broken(Exception):
    """The replay did something that it must not do."""


@dataclass
class Size:
    """How much the generated database holds."""

    rows: int
    bulk: int   # bytes in one table


SIZES = {"small": Size(24000, 1 << 20), "large": Size(60000, 160 << 20)}


@dataclass
class Story:
    """What happened in one seed, for whoever has to find the fault."""

    seed: int
    lines: list[str] = field(default_factory=list)
    hits: list[tuple[str, str]] = field(default_factory=list)   # phase, kind
    is_begun: bool = False   # a run before has left an unfinished replay

    def tell(self, line: str) -> None:
        self.lines.append(line)


class Harness:
    """A dump, a prepared target, and what an undisturbed replay makes of it."""

    def __init__(self, server: Server, size: Size) -> None:
        self.server = server
        self.stories: list[Story] = []
        self.folder = Path(tempfile.mkdtemp(prefix="valise-fault."))
        snapshot = self.folder / "snapshot.db"
        self.dump, self.profile = self.folder / "snapshot.valise", self.folder / "profile.yaml"
        fixture.make(snapshot, size.rows, size.bulk)
        self.profile.write_text(fixture.PROFILE, encoding="utf-8")
        subprocess.run([DUMP, "-o", self.dump, snapshot], check=True, stderr=subprocess.DEVNULL)
        server.create("prepared")
        server.execute("prepared", fixture.POSTGRESQL_SCHEMA, role="fault_owner")
        self.learn()

    def learn(self) -> None:
        """What the target is before and after, and how long it takes."""
        self.server.create("undisturbed", "prepared")
        self.before = fingerprint(self.server, "undisturbed")
        begun = time.monotonic()
        status, error = self.finish(self.start("undisturbed", self.server.port))
        self.duration = time.monotonic() - begun
        if status != 0:
            raise Broken(f"the undisturbed replay ends with status {status}: {error}")
        self.after = fingerprint(self.server, "undisturbed")
        self.server.drop("undisturbed")

    def close(self) -> None:
        shutil.rmtree(self.folder)

    # ---- runs

    def start(self, database: str, port: int, *words: str) -> subprocess.Popen[bytes]:
        target = ["--dsn", self.server.dsn(database, port=port)]
        dump = [] if "--abort" in words or "--status" in words else ["--profile", str(self.profile), "-j", "3", str(self.dump)]
        return subprocess.Popen([str(REPLAY), "-q", *target, *words, *dump], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def finish(self, process: subprocess.Popen[bytes]) -> tuple[int, str]:
        try:
            out, error = process.communicate(timeout=TIME_MAX)
        except subprocess.TimeoutExpired as expired:
            process.kill()
            process.communicate()
            raise Broken(f"the replay hangs for {TIME_MAX:.0f} s: {process.args!r}") from expired
        return process.returncode, (error + out).decode(errors="replace").strip()

    def disturbed(self, story: Story, dice: random.Random, disturbance: Disturbance, place: tuple[str, Proxy],
                  *words: str) -> bool:
        """One run that is disturbed; true if it is done nevertheless."""
        database, proxy = place
        watch = Watch(self.server, database)
        process = self.start(database, proxy.port, *words)
        try:
            phase = disturbance.wait(process, watch)
            if phase is not None:
                disturbance.do(process, watch, proxy, dice)
                story.hits.append((f"abort: {phase}" if words else phase, disturbance.kind))
        finally:
            watch.close()
        status, error = self.finish(process)
        story.tell(f"{' '.join(words)} {disturbance}: {'too late' if phase is None else 'hit ' + repr(phase)}, "
                   f"status {status} {error.splitlines()[:1]}")
        good = STATUSES[disturbance.kind] | ({-SIGNALS.get(disturbance.kind, 0)} if phase == START else set())
        if status not in ({0} if phase is None else good) and not self.is_busy(status, error):
            raise Broken(f"status {status} after {disturbance}: {error}")
        if not story.is_begun:
            self.check_words(story, database, status, error)
        return status == 0

    def check_words(self, story: Story, database: str, status: int, error: str) -> None:
        """The run that leaves a replay unfinished says so, and --status says it too."""
        if status in (0, REFUSED):
            return
        shown, text = self.finish(self.start(database, self.server.port, "--status"))
        if shown != 0:
            raise Broken(f"--status ends with status {shown}: {text}")
        is_unfinished = "finished     no" in text
        story.is_begun = is_unfinished
        if status > 0 and is_unfinished and "--abort" not in error and "cannot connect" not in error:
            raise Broken(f"the replay is unfinished, and its last words do not say so: {error}")

    @staticmethod
    def is_busy(status: int, error: str) -> bool:
        """The server has not yet noticed that the earlier replay is gone."""
        return status == REFUSED and ("another replay is at work" in error or "another session is connected" in error)

    def complete(self, story: Story, database: str, port: int, *words: str) -> str:
        """The same command until it is done."""
        begun = time.monotonic()
        while True:
            status, output = self.finish(self.start(database, port, *words))
            if status == 0:
                return output
            story.tell(f"again {' '.join(words)}: status {status} {output.splitlines()[:3]}")
            if not self.is_busy(status, output) or time.monotonic() - begun > PATIENCE:
                raise Broken(f"the same command again ends with status {status}: {output}")
            time.sleep(0.1)

    # ---- one seed

    def compare(self, database: str, expected: list[str], what: str) -> None:
        found = differences(expected, fingerprint(self.server, database))
        if found:
            raise Broken(f"{what}: {len(found)} differences:\n" + "\n".join(found[:40]))

    def run(self, seed: int, keep: bool = False) -> Story:
        """Raises Broken, with the story in it, if anything is not as it must be."""
        dice = random.Random(seed)
        story, database = Story(seed), f"seed_{seed}"
        self.server.drop(database)
        self.server.create(database, "prepared")
        try:
            with Proxy(self.server.port) as proxy:
                self.play(story, dice, (database, proxy))
        except Broken as broken:
            told = "\n".join(f"    {line}" for line in story.lines)
            raise Broken(f"seed {seed}:\n{told}\n{broken}") from broken
        finally:
            if not keep:
                self.server.drop(database)
        return story

    def play(self, story: Story, dice: random.Random, place: tuple[str, Proxy]) -> None:
        database, proxy = place
        done = False
        for _ in range(dice.choice([1, 1, 2, 3])):
            done = done or self.disturbed(story, dice, choose(dice, self.duration), place)
        if not done and dice.random() < 0.3:
            self.undo(story, dice, place)
        self.complete(story, database, proxy.port)
        self.compare(database, self.after, "after the replay")
        again = self.complete(story, database, proxy.port)
        if "nothing" not in again.lower():
            raise Broken(f"a finished replay does not say that there is nothing to do: {again}")

    def undo(self, story: Story, dice: random.Random, place: tuple[str, Proxy]) -> None:
        database, proxy = place
        if dice.random() < 0.5:
            self.disturbed(story, dice, Disturbance(dice.choice(["kill", "terminate", "crash"]), None, dice.random() * 0.3), place, "--abort")
        self.complete(story, database, proxy.port, "--abort")
        self.compare(database, self.before, "after --abort")


def summary(stories: list[Story]) -> str:
    """How often each phase was hit, and by what."""
    hits = [hit for story in stories for hit in story.hits]
    kinds = sorted(set(STATUSES))
    by_phase: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for phase, kind in hits:
        by_phase[phase][kind] += 1
    lines = [f"{'phase':24}" + "".join(f"{kind:>11}" for kind in kinds) + f"{'all':>11}"]
    lines += [f"{phase:24}" + "".join(f"{by_phase[phase][kind]:11}" for kind in kinds) + f"{sum(by_phase[phase].values()):11}"
              for phase in sorted(by_phase)]
    return "\n".join([*lines, f"{len(stories)} seeds, {len(hits)} disturbances"])
