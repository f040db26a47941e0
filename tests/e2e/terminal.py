"""A real terminal (tmux) that programs are watched in."""
from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

import pseudo_terminal

PATIENCE = 60
COLOUR = re.compile(r"\x1b\[[0-9;]*(?:3[0-7]|38;[0-9;]*|9[0-7])m")


class Terminal:
    """One window; its shell prints "ENDED status" behind each command."""

    def __init__(self, folder: Path, width: int, height: int, **environment: str) -> None:
        if shutil.which("tmux") is None:
            pytest.skip("there is no tmux here")
        pseudo_terminal.need()
        self.socket = folder / "tmux"
        words = {name: value for name, value in os.environ.items() if not name.startswith(("TMUX", "LC_", "NO_COLOR"))}
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height),
                  "env", "PS1=", *(f"{name}={value}" for name, value in ({"LANG": "C.UTF-8"} | environment).items()),
                  "bash", "--norc", "--noprofile", environment=words)

    def tmux(self, *words: str, environment: dict[str, str] | None = None) -> str:
        return subprocess.run(["tmux", "-S", str(self.socket), *words], capture_output=True, text=True, check=True,
                              timeout=PATIENCE, env=environment).stdout

    def type(self, line: str) -> None:
        self.tmux("send-keys", "-l", f"{line}; echo ENDED $?")
        self.tmux("send-keys", "Enter")

    def key(self, name: str) -> None:
        self.tmux("send-keys", name)

    def resize(self, width: int, height: int) -> None:
        self.tmux("resize-window", "-x", str(width), "-y", str(height))

    def screen(self, *words: str) -> str:
        return self.tmux("capture-pane", "-p", *words)

    def is_on_screen_of_its_own(self) -> bool:
        return self.tmux("display", "-p", "#{alternate_on}").strip() == "1"

    def wait(self, pattern: str) -> str:
        """The screen as soon as it shows this; lines that the terminal broke are joined."""
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, text := self.screen("-J"), re.MULTILINE):
            assert time.monotonic() < deadline, f"no {pattern!r} on the screen:\n{text}"
            time.sleep(0.05)
        return text

    def close(self) -> None:
        subprocess.run(["tmux", "-S", str(self.socket), "kill-server"], capture_output=True, timeout=PATIENCE, check=False)
