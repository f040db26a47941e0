"""What is done to valise-dump: a full disk and signals. The file with the final name is whole, or it is not there."""
from __future__ import annotations

import contextlib
import random
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from space import Space

NO_SPACE, STOPPED = 4, 11   # exit statuses
KINDS = {"kill": signal.SIGKILL, "interrupt": signal.SIGINT, "end": signal.SIGTERM}


def dump(program: Path, snapshot: Path, out: Path, delay: float | None = None, number: signal.Signals | None = None) -> tuple[int, str]:
    """One run, perhaps with a signal; exit status and message."""
    process = subprocess.Popen([program, "-o", out, snapshot], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if delay is not None and number is not None:
        time.sleep(delay)
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
    _, error = process.communicate(timeout=120)
    return process.returncode, error.decode(errors="replace")


def problem_of(kind: str, outcome: tuple[int, str], out: Path, whole: bytes) -> str:
    """What is wrong with what a disturbed run left; "" if nothing is."""
    status, error = outcome
    good = {"full": {NO_SPACE}, "kill": {0, -signal.SIGKILL}}.get(kind, {0, STOPPED, -KINDS.get(kind, 0)})
    left = [path.name for path in out.parent.iterdir()]
    if status not in good:
        return f"valise-dump ends with status {status} after {kind}: {error}"
    if kind == "full" and "No space left" not in error:
        return f"valise-dump does not say that the disk is full: {error}"
    if out.exists() and out.read_bytes() != whole:
        return f"after {kind} and status {status} the dump is there, and not whole"
    if status == 0 and not out.exists():
        return "valise-dump ends with status 0, and there is no dump"
    if status > 0 and left:
        return f"valise-dump leaves {left} behind after {kind} and status {status}"
    return ""


@dataclass
class Source:
    """What is dumped, and what an undisturbed dump makes of it in how long."""

    program: Path
    snapshot: Path
    whole: bytes
    duration: float


def break_off(source: Source, kind: str, share: float, space: Space | None) -> str:
    """A dump that ends at that share of the time or room, and one that does not; what is wrong, "" if nothing is."""
    with tempfile.TemporaryDirectory(prefix="valise-dump.", dir=space.folder if space else None) as folder:
        out = Path(folder) / "out.valise"
        if space:
            space.resize(int(share * 0.95 * len(source.whole)) // 4096 * 4096)
            outcome = dump(source.program, source.snapshot, out)
        else:
            outcome = dump(source.program, source.snapshot, out, share * source.duration, KINDS[kind])
        problem = problem_of(kind, outcome, out, source.whole)
        if space:
            space.make_room()
        out.unlink(missing_ok=True)
        status, error = dump(source.program, source.snapshot, out)
        if not problem and (status != 0 or out.read_bytes() != source.whole):
            problem = f"the same dump again, after {kind}: status {status}, {error or 'other bytes'}"
    return problem


def choose(dice: random.Random) -> tuple[str, float]:
    """What is done, and when: a share of the time or room."""
    return dice.choice(["full", "full", *KINDS]), dice.random()
