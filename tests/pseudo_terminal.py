"""Terminals for tests: a chroot may have none."""
from __future__ import annotations

import os
import pty

import pytest


def need() -> None:
    """Skip the test where there are no pseudo-terminals."""
    try:
        ends = pty.openpty()
    except OSError as error:
        pytest.skip(f"no pseudo-terminals here: {error}")
    for end in ends:
        os.close(end)
