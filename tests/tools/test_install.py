"""`meson install` puts everything where it belongs."""
from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from running import ROOT

BUILD = ROOT / os.environ.get("VALISE_BUILD_DIR", "build")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prefix of an installation below a folder of its own."""
    if shutil.which("meson") is None or not (BUILD / "build.ninja").exists():
        pytest.skip("there is no meson, or nothing is built")
    folder = tmp_path_factory.mktemp("install")
    subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", folder], check=True, timeout=300,
                   capture_output=True)
    return next(path.parent.parent for path in folder.rglob("valise-dump") if path.parent.name == "bin")


def test_programs_run_where_they_are_installed(installed: Path) -> None:
    assert sorted(path.name for path in (installed / "bin").iterdir()) == ["valise", "valise-dump", "valise-replay"]
    for path in (installed / "bin").iterdir():
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=60, check=True)
        assert done.stdout.startswith(path.name + " ")


def test_words_are_installed(installed: Path) -> None:
    share = installed / "share"
    for name in ("valise", "valise-dump", "valise-replay"):
        for place in (f"bash-completion/completions/{name}", f"zsh/site-functions/_{name}", f"fish/vendor_completions.d/{name}.fish"):
            assert (share / place).stat().st_size > 500, place
    assert (share / "valise/profiles/synapse.yaml").read_bytes() == (ROOT / "profile/synapse.yaml").read_bytes()
    written = {path.relative_to(ROOT).as_posix() for path in [ROOT / "README.md", ROOT / "SPEC.md", *(ROOT / "docs").glob("*.md")]}
    found = {path.relative_to(share / "doc/valise").as_posix() for path in (share / "doc/valise").rglob("*.md")}
    assert found == written, "docs/meson.build names them"


def test_pages_are_installed(installed: Path) -> None:
    if not (BUILD / "docs/man/valise.1").exists():
        pytest.skip("the manual pages were not made: lowdown is not installed")
    for page in ("man1/valise.1", "man1/valise-dump.1", "man1/valise-replay.1", "man1/valise-config.1", "man5/valise-profile.5", "man5/valise-homeserver.5"):
        assert (installed / "share/man" / page).exists()
