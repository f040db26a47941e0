"""Break replays at random moments, and compare what becomes of them with a replay that nobody disturbed."""
from __future__ import annotations

import collections
import contextlib
import random
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import dump_trouble
from disturbance import SIGNALS, START, STATUSES, Disturbance, Place, choose, choose_for_abort
from fingerprint import differences, fingerprint
from proxy import Proxy
from server import BUILD, Server
from space import Space, Unavailable
from statements import TARGETS
from subject import make

DUMP, REPLAY = BUILD / "dump/valise-dump", BUILD / "replay/valise-replay"

REFUSED = 9
TABLESPACE = "room"  # of the databases that are made full
PATIENCE = 15.0      # seconds after which a replay must be able to go on
TIME_MAX = 300.0     # seconds for one run


class Broken(Exception):
    """The replay did something that it must not do."""


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

    def __init__(self, server: Server, size: str = "small", database: Path | None = None) -> None:
        self.server = server
        self.stories: list[Story] = []
        with contextlib.ExitStack() as stack:
            self.folder = Path(tempfile.mkdtemp(prefix="valise-fault."))
            stack.callback(shutil.rmtree, self.folder)
            self.find_spaces(stack)
            self.make_subject(size, database)
            self.learn()
            self.stack = stack.pop_all()   # all went well: it lives until close()

    def make_subject(self, size: str, database: Path | None) -> None:
        self.dump = self.folder / "snapshot.valise"
        self.subject = make(size, database, self.folder)
        begun = time.monotonic()
        subprocess.run([DUMP, "-o", self.dump, self.subject.snapshot], check=True, stderr=subprocess.DEVNULL)
        self.source = dump_trouble.Source(DUMP, self.subject.snapshot, self.dump.read_bytes(), time.monotonic() - begun)
        self.server.create("prepared")
        self.subject.prepare(self.server, "prepared")

    def find_spaces(self, stack: contextlib.ExitStack) -> None:
        """Where databases and dumps get no more room; no_space is why there is no such place."""
        self.space: Space | None = None
        self.dump_space: Space | None = None
        self.no_space = ""
        try:
            self.dump_space = stack.enter_context(Space())
            self.space = stack.enter_context(Space("postgres"))
        except Unavailable as error:
            self.no_space = str(error)
            return
        self.server.execute("postgres", f"CREATE TABLESPACE {TABLESPACE} LOCATION '{self.space.folder}'")

    def learn(self) -> None:
        """What the target is before and after, how long it takes, and which statements go through the network."""
        self.server.create("undisturbed", "prepared")
        self.before = fingerprint(self.server, "undisturbed")
        with Proxy(self.server.port) as proxy:
            begun = time.monotonic()
            status, error = self.finish(self.start("undisturbed", proxy.port))
            self.duration, self.counts = time.monotonic() - begun, proxy.counts
        if status != 0:
            raise Broken(f"the undisturbed replay ends with status {status}: {error}")
        self.after = fingerprint(self.server, "undisturbed")
        self.server.drop("undisturbed")

    def close(self) -> None:
        self.stack.close()

    # ---- runs

    def start(self, database: str, port: int, *words: str) -> subprocess.Popen[bytes]:
        target = ["--dsn", self.server.dsn(database, port=port)]
        profile = ["--profile", str(self.subject.profile)] if self.subject.profile else []
        dump = [] if "--abort" in words or "--status" in words else [*profile, "-j", "3", str(self.dump)]
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

    def disturbed(self, story: Story, dice: random.Random, disturbance: Disturbance, place: Place, *words: str) -> bool:
        """One run that is disturbed; true if it is done nevertheless."""
        if disturbance.kind == "full" and place.space is None:
            story.tell(f"{disturbance}: not possible here: {self.no_space}")
            return False
        place.proxy.begin(disturbance.aim)
        process = self.start(place.database, place.proxy.port, *words)
        phase = disturbance.strike(process, place, dice)
        if phase is not None:
            story.hits.append(("abort" if words else phase, disturbance.kind))
        status, error = self.finish(process)
        if place.space:
            place.space.make_room()   # before --status: without room not even a session can begin
        story.tell(f"{' '.join(words)} {disturbance}: {'too late' if phase is None else 'hit ' + repr(phase)}, "
                   f"status {status} {error.splitlines()[:1]}")
        good = STATUSES[disturbance.kind] | ({-SIGNALS.get(disturbance.kind, 0)} if phase == START else set())
        if status not in ({0} if phase is None else good) and not self.is_busy(status, error):
            raise Broken(f"status {status} after {disturbance}: {error}")
        if not story.is_begun:
            self.check_words(story, place.database, status, error)
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
        plan = [choose(dice, self.duration, self.counts) for _ in range(dice.choice([1, 1, 2, 3]))]
        plan.sort(key=lambda disturbance: TARGETS.index(disturbance.aim.phase) if disturbance.aim and disturbance.aim.phase else -1)
        return self.run_plan(seed, plan, dice, keep)

    def run_plan(self, seed: int, plan: list[Disturbance], dice: random.Random | None = None, keep: bool = False) -> Story:
        """These disturbances; with dice now and then a dump, too."""
        story, database = Story(seed), f"seed_{seed}"
        is_full = self.space is not None and any(disturbance.kind == "full" for disturbance in plan)
        self.server.drop(database)
        self.server.create(database, "prepared", TABLESPACE if is_full else "pg_default")
        try:
            with Proxy(self.server.port) as proxy:
                self.play(story, dice or random.Random(seed), plan, Place(self.server, database, proxy, self.space if is_full else None))
            if dice and dice.random() < 0.25:
                self.disturb_dump(story, dice)
        except Broken as broken:
            told = "\n".join(f"    {line}" for line in story.lines)
            raise Broken(f"seed {seed}:\n{told}\n{broken}") from broken
        finally:
            if is_full and self.space:
                self.space.make_room()
            if not keep:
                self.server.drop(database)
        return story

    def play(self, story: Story, dice: random.Random, plan: list[Disturbance], place: Place) -> None:
        database, proxy = place.database, place.proxy
        done = False
        for disturbance in plan:
            done = done or self.disturbed(story, dice, disturbance, place)
        if not done and dice.random() < 0.3:
            self.undo(story, dice, place)
        self.complete(story, database, proxy.port)
        self.compare(database, self.after, "after the replay")
        again = self.complete(story, database, proxy.port)
        if "nothing" not in again.lower():
            raise Broken(f"a finished replay does not say that there is nothing to do: {again}")

    def undo(self, story: Story, dice: random.Random, place: Place) -> None:
        if dice.random() < 0.7:
            self.disturbed(story, dice, choose_for_abort(dice), place, "--abort")
        self.complete(story, place.database, place.proxy.port, "--abort")
        self.compare(place.database, self.before, "after --abort")

    def disturb_dump(self, story: Story, dice: random.Random) -> None:
        kind, share = dump_trouble.choose(dice)
        if kind == "full" and self.dump_space is None:
            story.tell(f"a full disk for a dump: not possible here: {self.no_space}")
            return
        story.tell(f"a dump, {kind} at {share:.3f}")
        problem = dump_trouble.break_off(self.source, kind, share, self.dump_space if kind == "full" else None)
        if problem:
            raise Broken(problem)
        story.hits.append(("dump", kind))


def summary(stories: list[Story], counts: collections.Counter[str]) -> str:
    """How often each phase was hit, and by what; counts are the statements of an undisturbed replay."""
    hits = [hit for story in stories for hit in story.hits]
    kinds = sorted(STATUSES)
    by_phase: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for phase, kind in hits:
        by_phase[phase][kind] += 1
    all_phases = [START, *(phase for phase in TARGETS if counts[phase]), "abort", "dump"]
    lines = [f"{'phase':14}{'statements':>12}" + "".join(f"{kind:>10}" for kind in kinds) + f"{'all':>8}"]
    lines += [f"{phase:14}{counts[phase] or '':12}" + "".join(f"{by_phase[phase][kind] or '':10}" for kind in kinds)
              + f"{sum(by_phase[phase].values()):8}" for phase in all_phases]
    lines.append(f"phases that nothing hit: {', '.join(phase for phase in all_phases if not by_phase[phase]) or 'none'}")
    lines.append(f"phases that this replay does not have: {', '.join(phase for phase in TARGETS if not counts[phase]) or 'none'}")
    return "\n".join([*lines, f"{len(stories)} seeds, {len(hits)} disturbances"])
