"""A port of 127.0.0.1 for a program that is yet to start."""
from __future__ import annotations

import random
import socket

# Below the ports of outgoing connections, one of which might take it until the program is up, and those of with_postgres.sh.
PORTS = range(10000, 20000)


def free() -> int:
    """One that nobody has; by chance, for other tests look for theirs at the same time."""
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
