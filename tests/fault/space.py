"""A file system whose room can be taken away, and given back."""
from __future__ import annotations

import os
import pwd
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

ROOM = 4 << 30      # bytes it may hold at most; it takes only what it holds
STEP = 256 << 10
SIZE_MIN = 4096     # 0 would mean: without limit


class Unavailable(Exception):
    """No such file system can be had here; the message says why."""


class Space:
    """A tmpfs in a folder of its own, mounted as long as the context lasts."""

    def __init__(self, owner: str | None = None) -> None:
        self.owner = owner
        self.folder = Path(tempfile.mkdtemp(prefix="valise-space."))

    def __enter__(self) -> Space:
        options = f"size={ROOM},mode=700"
        if os.geteuid() == 0 and self.owner:
            entry = pwd.getpwnam(self.owner)
            options += f",uid={entry.pw_uid},gid={entry.pw_gid}"
        try:
            done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "valise-space", self.folder], capture_output=True, text=True)
            failure = done.stderr.strip() if done.returncode != 0 else ""
        except OSError as error:
            failure = str(error)
        if failure:
            self.folder.rmdir()
            raise Unavailable(f"cannot mount a tmpfs: {failure}")
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        subprocess.run(["umount", "-l", self.folder], check=True)
        self.folder.rmdir()

    def resize(self, size: int) -> bool:
        """The kernel refuses less than what is in use."""
        command = ["mount", "-o", f"remount,size={max(size, SIZE_MIN)}", self.folder]
        return subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0

    def fill(self) -> None:
        """From now on it is full, with what it holds. It may grow while we look: then with a little more."""
        for step in range(64):
            facts = os.statvfs(self.folder)
            if self.resize((facts.f_blocks - facts.f_bfree) * facts.f_frsize + step * STEP):
                return
        raise RuntimeError(f"{self.folder} cannot be made smaller")

    def make_room(self) -> None:
        if not self.resize(ROOM):
            raise RuntimeError(f"{self.folder} cannot be made larger")
