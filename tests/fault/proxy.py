"""A TCP proxy that can cut what goes through it."""
from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
from types import TracebackType


class Proxy:
    """Listens on a port of 127.0.0.1 and passes everything on, until told to cut."""

    def __init__(self, port: int) -> None:
        self.target = ("127.0.0.1", port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.pairs: list[tuple[socket.socket, socket.socket]] = []
        self.passed = 0                      # bytes, both ways
        self.limit: int | None = None        # the value of passed at which to cut
        self.has_cut = False
        self.cuts_all = self.resets = False
        threading.Thread(target=self.accept, daemon=True).start()

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
            with self.lock:
                self.pairs.append((client, server))
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self.forward, args=(source, sink), daemon=True).start()

    def allow(self, size: int) -> int:
        """How many of these bytes may pass; fewer only once, where the cut is."""
        with self.lock:
            if self.limit is not None and self.passed + size > self.limit:
                size = max(self.limit - self.passed, 0)
                self.limit, self.has_cut = None, True
            self.passed += size
            return size

    def forward(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                allowed = self.allow(len(data))
                sink.sendall(data[:allowed])
                if allowed < len(data):
                    with self.lock:
                        pairs = [pair for pair in self.pairs if self.cuts_all or source in pair]
                    self.break_off(pairs, self.resets)
                    return
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def cut(self, dice: random.Random) -> None:
        """Cut all connections or only one; with a reset, or as if the other side had closed; the server may live on."""
        with self.lock:
            pairs = list(self.pairs)
        victims = pairs if dice.random() < 0.5 else dice.sample(pairs, min(1, len(pairs)))
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

    @staticmethod
    def break_off(pairs: list[tuple[socket.socket, socket.socket]], resets: bool) -> None:
        for pair in pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    if resets:
                        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    end.shutdown(socket.SHUT_RDWR)
                    end.close()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.listener.close()
        with self.lock:
            for pair in self.pairs:
                for end in pair:
                    with contextlib.suppress(OSError):
                        end.close()
