"""Running one program and seeing what it took."""

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field


RUN_ALONE = "run_alone"      # tests/bench/run_alone of the build folder; set before anything is run

DISK_FULL = 1 << 20          # with fewer bytes


class Failure(Exception):
    """A measured program failed; its last words are in the text."""


class TooSlow(Failure):
    """A measured program did not end within its limit, and was ended."""


@dataclass
class Sample:
    """What one run took. CPU and memory are of the program and its children, not of the server."""

    seconds: float
    cpu_seconds: float
    rss_bytes: int              # of the largest process
    server_cpu_seconds: float = 0.0
    wal_bytes: int = 0
    file_bytes: int = 0         # of what was written, where it is a file
    rows: int = 0               # what was moved, where it is rows
    facts: dict = field(default_factory=dict)   # what the program printed as JSON

    @property
    def rate(self):
        """Rows a second; 0 where rows do not count."""
        return self.rows / self.seconds


def warm(paths):
    """Reads the files among these, so that they are in the page cache; returns how many bytes they have."""
    size = 0
    for path in filter(os.path.isfile, paths):
        with open(path, "rb", buffering=0) as file:
            while got := len(file.read(1 << 24)):
                size += got
    return size


def run(command, stdin=None, environment=None, accepted=(0,), timeout=None):
    """Runs a command (a list, or a string for bash) and returns its Sample; stdin is text or None.

    The files that the list names are in the page cache when it begins. Fails if the status is none of the accepted; after
    timeout seconds the command is ended, and TooSlow raised.
    """
    if isinstance(command, str):
        command = ["bash", "-o", "pipefail", "-c", command]
    else:
        warm(command)
    with tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as printed, \
            tempfile.NamedTemporaryFile() as usage:
        given.write((stdin or "").encode())
        given.seek(0)
        begin = time.monotonic()
        process = subprocess.Popen([RUN_ALONE, usage.name, *command], stdin=given, stdout=printed, stderr=errors,
                                   env=environment, start_new_session=True)
        try:
            process.wait(timeout)
        except BaseException as error:
            with contextlib.suppress(ProcessLookupError):       # it may have ended meanwhile
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if isinstance(error, subprocess.TimeoutExpired):
                raise TooSlow(f"{shlex.join(command)}: not done after {timeout} s") from None
            raise
        seconds = time.monotonic() - begin
        if process.returncode not in accepted:
            raise Failure(f"{shlex.join(command)}: status {process.returncode}: {last_words(errors, printed)}")
        printed.seek(0)
        text = printed.read(1 << 16).decode(errors="replace")
        user, system, kilobytes = usage.read().split()
    return Sample(seconds, float(user) + float(system), int(kilobytes) * 1024, facts=facts_of(text))


def last_words(*files):
    """The end of what a program said in the first of the files that has anything; on a full disk none can have."""
    for file in files:
        file.seek(0)
        words = file.read().decode(errors="replace").strip()
        if words:
            return words[-2000:]
    if shutil.disk_usage(tempfile.gettempdir()).free < DISK_FULL:
        return f"no message could be written, as the disk of {tempfile.gettempdir()} is full"
    return "no message"


def facts_of(text):
    """The JSON object that a program printed alone on a line; {} if it printed something else."""
    if not text.startswith("{"):
        return {}
    try:
        return json.loads(text)
    except ValueError:
        return {}
