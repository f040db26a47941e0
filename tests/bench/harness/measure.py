"""Running one program and seeing what it took."""

import json
import os
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass, field


class Failure(Exception):
    """A measured program failed; its last words are in the text."""


@dataclass
class Sample:
    """What one run took. CPU and memory are of the program and its children, not of the server."""

    seconds: float
    cpu_seconds: float
    rss_bytes: int              # of the largest process
    server_cpu_seconds: float = 0.0
    wal_bytes: int = 0
    file_bytes: int = 0         # of what was written, where it is a file
    facts: dict = field(default_factory=dict)   # what the program printed as JSON


def run(command, stdin=None, stdout=None, environment=None, accepted=(0,)):
    """Runs a command (a list, or a string for sh) and returns its Sample; stdin is text or None."""
    if isinstance(command, str):
        command = ["bash", "-o", "pipefail", "-c", command]
    with tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as printed:
        given.write((stdin or "").encode())
        given.seek(0)
        begin = time.monotonic()
        process = subprocess.Popen(command, stdin=given, stdout=stdout or printed, stderr=errors, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in accepted:
            errors.seek(0)
            words = errors.read().decode(errors="replace").strip()[-2000:]
            raise Failure(f"{' '.join(command)}: status {process.returncode}: {words}")
        printed.seek(0)
        text = printed.read(1 << 16).decode(errors="replace")
    return Sample(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, facts=facts_of(text))


def facts_of(text):
    """The JSON object that a program printed alone on a line; {} if it printed something else."""
    if not text.startswith("{"):
        return {}
    try:
        return json.loads(text)
    except ValueError:
        return {}


def median(samples, name="seconds"):
    return statistics.median(getattr(sample, name) for sample in samples)


def spread(samples):
    """Smallest and largest time."""
    seconds = [sample.seconds for sample in samples]
    return min(seconds), max(seconds)
