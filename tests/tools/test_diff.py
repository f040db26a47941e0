"""valise diff: what it says is what Python finds between the same databases."""
from __future__ import annotations

import collections
import os
import sqlite3
from pathlib import Path

import pytest

import random_chain
import reference
from running import Run, snapshots, valise, valise_dump  # noqa: F401 (fixtures)
from test_cat import of_json, parse_json

Changes = dict[str, tuple[collections.Counter, collections.Counter]]


def expected(old: reference.Snapshot, new: reference.Snapshot) -> Changes:
    """Rows removed and added, of the tables that differ."""
    before, after = ({t.name: t for t in s.tables if t.kind != reference.VIRTUAL} for s in (old, new))
    changes: Changes = {}
    for name in before.keys() | after.keys():
        was, now = (collections.Counter(s[name].rows) if name in s else collections.Counter() for s in (before, after))
        both = name in before and name in after
        if both and [c.name for c in before[name].columns] == [c.name for c in after[name].columns]:
            was, now = was - now, now - was
        if was or now or not both:
            changes[name.decode()] = (was, now)
    return changes


def told(text: str) -> tuple[Changes, dict[str, tuple[int, int]]]:
    """The rows of --rows, and the counts of the table at the end."""
    rows: Changes = {}
    counts = {}
    lines = [line for line in text.splitlines() if not line.startswith("schema: ")]
    table = ""
    for line in lines:
        if line.startswith('table "'):
            table = line[7:-1]
            rows[table] = (collections.Counter(), collections.Counter())
        elif line[0] in "-+":
            row = b"".join(map(of_json, parse_json(line[1:]).values()))
            rows[table][line[0] == "+"][row] += 1
        elif not line.startswith(("table ", "no difference")):
            name, removed, added, *_ = line.split()
            counts[name] = (int(removed), int(added))
    return rows, counts


def check(valise: Run, arguments: list[object], old: reference.Snapshot, new: reference.Snapshot) -> None:
    wanted = expected(old, new)
    rows, counts = told(valise("diff", "--rows", *arguments).stdout.decode())
    assert counts == {name: (was.total(), now.total()) for name, (was, now) in wanted.items()}
    assert rows == {name: changes for name, changes in wanted.items() if changes[0] or changes[1]}
    assert told(valise("diff", *arguments).stdout.decode())[1] == counts


@pytest.mark.parametrize("seed", range(15))
def test_random(valise: Run, tmp_path: Path, seed: int) -> None:
    paths, snapshots = random_chain.chain(tmp_path, seed, 4)
    last = tmp_path / "last"
    last.write_bytes(reference.full(snapshots[-1], chunk_size=300))
    for count in range(1, 5):       # from a chain to a full dump, and back
        old = [part for path in paths[:count] for part in ("--from", path)]
        check(valise, [*old, last], snapshots[count - 1], snapshots[-1])
        check(valise, ["--from", last, *paths[:count]], snapshots[-1], snapshots[count - 1])
    check(valise, paths, snapshots[0], snapshots[-1])       # a dump and its deltas
    check(valise, ["--from", paths[0], "--from", paths[1], *paths[2:]], snapshots[1], snapshots[-1])


def test_status(valise: Run, tmp_path: Path) -> None:
    paths, snapshots = random_chain.chain(tmp_path, 5, 3)
    assert f"no difference, state {snapshots[0].state.hex()}" in valise("diff", "--exit-code", paths[0], paths[0]).stdout.decode()
    valise("diff", "--exit-code", paths[0], paths[1], status=10)
    valise("diff", paths[0], paths[1])
    valise("diff", paths[0], status=2)
    valise("diff", paths[0], paths[2], status=9)
    valise("diff", paths[1], paths[2], status=9)
    valise("diff", "--table", "no such", *paths, status=2)
    valise("diff", paths[0], tmp_path / "missing", status=4)


def test_schema(valise: Run, tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "source.db")
    paths = []
    for script in ("CREATE TABLE t(a); CREATE INDEX i ON t(a); CREATE TABLE gone(a)",
                   "DROP INDEX i; CREATE INDEX j ON t(a); DROP TABLE gone; ALTER TABLE t ADD COLUMN b; PRAGMA user_version = 7"):
        db.executescript(script)
        paths.append(tmp_path / f"dump{len(paths)}")
        paths[-1].write_bytes(reference.full(reference.read(tmp_path / "source.db")))
    db.close()
    said = valise("diff", *paths).stdout.decode().splitlines()
    assert said[:5] == ["schema: ~ user_version 0 -> 7", 'schema: - table "gone"', 'schema: ~ table "t"', 'schema: - index "i"', 'schema: + index "j"']
    assert said[-1].split() == ["gone", "0", "0", "0", "gone"]


def test_homeserver(valise: Run, valise_dump: Run, tmp_path: Path, snapshots: dict[str, Path]) -> None:
    for name, path in snapshots.items():
        valise_dump("-o", tmp_path / name, path)
    read = {name: reference.read(path) for name, path in snapshots.items()}
    check(valise, [tmp_path / "A", tmp_path / "C"], read["A"], read["C"])


def test_databases(valise: Run, valise_dump: Run, tmp_path: Path) -> None:
    """Either side may be a database, in WAL mode and in use too; it is only read, and nothing is left of its dump."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    environment = os.environ | {"TMPDIR": str(scratch)}
    db = sqlite3.connect(tmp_path / "source.db", isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.executescript("CREATE TABLE t(a, b); INSERT INTO t VALUES (1, CAST(x'780079' AS TEXT)), (2, NULL)")
    valise_dump("-o", tmp_path / "old", tmp_path / "source.db")
    old = reference.read(tmp_path / "source.db")
    assert valise("diff", "--exit-code", tmp_path / "old", tmp_path / "source.db", env=environment).stdout.startswith(b"no difference")
    db.executescript("UPDATE t SET b = 'y' WHERE a = 1; CREATE TABLE u(c); INSERT INTO u VALUES (x'00')")
    new = reference.read(tmp_path / "source.db")
    check(valise, [tmp_path / "old", tmp_path / "source.db"], old, new)
    check(valise, [tmp_path / "source.db", tmp_path / "old"], new, old)
    same = valise("diff", tmp_path / "source.db", tmp_path / "source.db", env=environment)
    assert same.stdout.startswith(b"no difference") and same.stderr == b"", "what PostgreSQL cannot hold is not asked here"
    assert list(scratch.iterdir()) == []
    (tmp_path / "broken.db").write_bytes((tmp_path / "source.db").read_bytes()[:100])
    failed = valise("diff", tmp_path / "old", tmp_path / "broken.db", env=environment, status=6)
    assert b"broken.db" in failed.stderr and list(scratch.iterdir()) == []
    assert b"both sides" in valise("diff", "-", "-", status=2).stderr
    db.close()
