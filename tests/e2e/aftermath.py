"""Nothing outlives the tests, however they end: not a Synapse, not a standby, not a terminal, not a program."""
from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
from collections.abc import Iterator

NAME = "VALISE_TESTS"   # in the environment of all that these tests start

# It waits for a word, or for the end of the pipe when the tests are killed. Servers clean up when they are asked to end.
GUARD = """
read -r _
for attempt in {1..50}; do
    processes=$(grep -lsz "^$1\\$" /proc/[0-9]*/environ | cut -d / -f 3)
    [ -n "$processes" ] || exit 0
    [ $attempt -lt 40 ] && signal=TERM || signal=KILL
    kill -s $signal $processes
    sleep 0.2
done
"""


@contextlib.contextmanager
def cleared() -> Iterator[None]:
    """Another process ends what this one has started and left, at the end of the with-statement or of this process."""
    word = secrets.token_hex(16)
    guard = subprocess.Popen(["bash", "-c", GUARD, "guard", f"{NAME}={word}"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, start_new_session=True)
    os.environ[NAME] = word
    try:
        yield
    finally:
        del os.environ[NAME]
        guard.communicate(b"ended\n", timeout=60)
