"""A TCP proxy that knows the statements which go through it, and can halt one, or cut."""
from __future__ import annotations

import collections
import contextlib
import random
import socket
import struct
import threading
from dataclasses import dataclass
from types import TracebackType

from statements import TARGETS, phase_of, statement_in

READY = b"Z\0\0\0\5"      # the server waits for the next statement; one byte follows
KEY_DATA = b"K\0\0\0\x0c"   # the number of the server's process follows
HOLD_MAX = 60.0           # seconds


class Link:
    """One connection: its two ends, and what its session is at."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client, self.server = client, server
        self.pid = 0                     # of the server's process
        self.phase: str | None = None    # of the statement under way; None: the session waits for one
        self.is_open = True
        self.is_aimed_at = False         # its end is what is waited for
        self.tail = b""

    def break_off(self, resets: bool = False) -> None:
        self.is_open = False
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                if resets:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.shutdown(socket.SHUT_RDWR)
                end.close()


@dataclass
class Aim:
    """A statement: the number-th of a phase, or of all."""

    phase: str | None
    number: int
    place: str   # "before" it reaches the server, "within" it, "after" it, before the client knows


class Proxy:
    """Listens on a port of 127.0.0.1 and passes everything on, until told otherwise."""

    def __init__(self, port: int) -> None:
        self.target = ("127.0.0.1", port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.limit: int | None = None        # the value of passed at which to cut
        self.cuts_all = self.resets = False
        self.links: list[Link] = []
        self.released = threading.Event()
        self.begin(None)
        threading.Thread(target=self.accept, daemon=True).start()

    def begin(self, aim: Aim | None) -> None:
        """A new run: forget the connections of the one before, and wait for this statement."""
        self.release()
        with self.lock:
            self.links = [link for link in self.links if link.is_open]
            self.aim, self.aimed = aim, None
            self.arrived, self.released = threading.Event(), threading.Event()
            self.passed, self.has_cut = 0, False                  # bytes, both ways
            self.counts: collections.Counter[str] = collections.Counter()   # statements, by phase
            self.seen: str | None = None     # the phase of the newest statement

    def release(self) -> None:
        """What was halted goes on, and nothing else will be."""
        self.released.set()

    # ---- the statements

    def phase(self) -> str | None:
        """Where the run is: of the sessions' statements the one that comes first in TARGETS; else the newest; None: none yet."""
        with self.lock:
            phases = {link.phase for link in self.links if link.is_open}
        return next((phase for phase in TARGETS if phase in phases), self.seen)

    def sessions(self) -> list[int]:
        """The server's processes; the one that is halted comes first."""
        with self.lock:
            links = sorted((link for link in self.links if link.is_open and link.pid), key=lambda link: link is not self.aimed)
            return [link.pid for link in links]

    def hold(self, link: Link) -> None:
        self.aimed = link
        released = self.released
        self.arrived.set()
        released.wait(HOLD_MAX)

    def from_client(self, link: Link, data: bytes) -> None:
        """Before it is sent on."""
        statement = statement_in(data) if link.phase is None else None
        if statement is None:
            return
        phase = phase_of(statement)
        with self.lock:
            link.phase = self.seen = phase
            self.counts[phase] += 1
            self.counts["all"] += 1
            aim = self.aim
            is_it = aim is not None and aim.number == self.counts[aim.phase or "all"] and aim.phase in (None, phase)
            link.is_aimed_at = is_it and aim is not None and aim.place == "after"
        if is_it and aim and aim.place == "before":
            self.hold(link)
        elif is_it and aim and aim.place == "within":
            self.aimed = link
            self.arrived.set()

    def from_server(self, link: Link, data: bytes) -> None:
        """Before it is sent on."""
        if not link.pid and (at := data.find(KEY_DATA)) >= 0 and len(data) >= at + 9:
            (link.pid,) = struct.unpack_from(">i", data, at + 5)
        link.tail = (link.tail + data[-6:])[-6:]
        if not link.tail.startswith(READY):
            return
        if link.is_aimed_at:
            link.is_aimed_at = False
            self.hold(link)
        link.phase = None

    # ---- the bytes

    def accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self.target)
            except OSError:
                client.close()
                continue
            link = Link(client, server)
            with self.lock:
                self.links.append(link)
            threading.Thread(target=self.forward, args=(link, client, server), daemon=True).start()
            threading.Thread(target=self.forward, args=(link, server, client), daemon=True).start()

    def allow(self, size: int) -> int:
        """How many of these bytes may pass; fewer only once, where the cut is."""
        with self.lock:
            if self.limit is not None and self.passed + size > self.limit:
                size = max(self.limit - self.passed, 0)
                self.limit, self.has_cut = None, True
            self.passed += size
            return size

    def forward(self, link: Link, source: socket.socket, sink: socket.socket) -> None:
        look = self.from_client if source is link.client else self.from_server
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                look(link, data)
                allowed = self.allow(len(data))
                sink.sendall(data[:allowed])
                if allowed < len(data):
                    self.break_off([each for each in self.open_links() if self.cuts_all or each is link], self.resets)
                    return
        link.is_open = False
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    # ---- what is cut

    def open_links(self) -> list[Link]:
        with self.lock:
            return [link for link in self.links if link.is_open]

    @staticmethod
    def break_off(links: list[Link], resets: bool) -> None:
        for link in links:
            link.break_off(resets)

    def cut(self, dice: random.Random) -> None:
        """Cut all connections, the halted one or another; with a reset, or as if the other side had closed; the server may live on."""
        links = self.open_links()
        victims = links if dice.random() < 0.5 else dice.sample(links, min(1, len(links)))
        if self.aimed and dice.random() < 0.5:
            victims = [self.aimed]
        self.break_off(victims, dice.random() < 0.5)

    def cut_after(self, size: int, dice: random.Random) -> None:
        """Cut after so many more bytes, in the midst of a message perhaps: the connection they go through, or all."""
        with self.lock:
            self.cuts_all, self.resets = dice.random() < 0.5, dice.random() < 0.5
            self.has_cut, self.limit = False, self.passed + size

    def pass_all(self) -> None:
        """No cut any more that has not come yet."""
        with self.lock:
            self.limit = None

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.listener.close()
        self.release()
        for link in self.open_links():
            link.break_off()
