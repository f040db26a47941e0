"""What the tests of the `valise` program share: fixtures, to be imported by name.

There is no conftest.py here, for tests/ has one, and there is only one module of a name.
"""
from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


def program(folder: str, name: str) -> Path:
    """A program of $VALISE_BUILD_DIR, else of build/ in the root."""
    path = ROOT / os.environ.get("VALISE_BUILD_DIR", "build") / folder / name
    if not path.exists():
        pytest.skip(f"{path} is not built: meson compile -C build")
    return path


def runner(path: Path) -> Run:
    def run(*arguments: object, status: int | None = 0, stdin: bytes | None = None,
            env: dict[str, str] | None = None) -> subprocess.CompletedProcess[bytes]:
        done = subprocess.run([path, *map(str, arguments)], input=stdin, capture_output=True, timeout=300, check=False, env=env)
        assert status is None or done.returncode == status, done.stderr.decode(errors="replace")
        return done

    return run


@pytest.fixture(scope="session")
def valise() -> Run:
    """Runs valise; status says what must come out (None: anything)."""
    return runner(program("tools", "valise"))


@pytest.fixture(scope="session")
def valise_dump() -> Run:
    return runner(program("dump", "valise-dump"))


@pytest.fixture(scope="session")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Snapshots of a real homeserver: A, then B, then C (after a VACUUM)."""
    shared = Path(os.environ.get("VALISE_SHARED", ROOT.parent / "shared")) / "synapse"
    if not (shared / "homeserver-A.db.zst").exists():
        pytest.skip(f"no snapshots of a homeserver in {shared} (set VALISE_SHARED)")
    folder, found = tmp_path_factory.mktemp("snapshots"), {}
    for name in "ABC":
        found[name] = folder / f"{name}.db"
        subprocess.run(["zstd", "-qd", shared / f"homeserver-{name}.db.zst", "-o", found[name]], check=True)
    return found
