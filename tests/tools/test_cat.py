"""valise cat: every value can be read back from its text, in every format."""
from __future__ import annotations

import collections
import json
import re
import sqlite3
import struct
from pathlib import Path

import pytest

import random_chain
import reference
from running import Run, snapshots, valise, valise_dump  # noqa: F401 (fixtures)

SCRIPT = r'''
    CREATE TABLE "t ""1"""(a, "b;c", [d,e], "ü");
    INSERT INTO "t ""1""" VALUES(NULL, 1, 1.0, '1'), (x'', x'00ff', '', -9223372036854775808), (9e999, -9e999, 0.1, -0.0),
        (1e300, 123456789012345678, 1.5e-7, 'it''s "q" \\ back'), ('a' || char(10) || 'b', char(9), 'é,' || char(0x1f600), 'x,y'),
        (char(0), char(27) || '[31m', char(13), char(127)), (CAST(x'ff' AS TEXT), char(0x85), char(0x202e), 'NULL'),
        (1.7976931348623157e308, 5e-324, 0.30000000000000004, 100000000000000000000.0);
    CREATE TABLE u(x INTEGER PRIMARY KEY, g AS (x + 1)); INSERT INTO u(x) VALUES(1), (2);
    CREATE TABLE auto(i INTEGER PRIMARY KEY AUTOINCREMENT)
'''


def value(class_: int, payload: bytes) -> bytes:
    return bytes([class_]) + (reference.text(payload) if class_ in (3, 4) else payload)


def of_number(text: str) -> bytes:
    if re.fullmatch(r"-?\d+", text):
        return value(1, struct.pack("<q", int(text)))
    return value(2, struct.pack("<d", float(text)))


def of_json(item: object) -> bytes:
    if item is None:
        return b"\0"
    if isinstance(item, str):
        return value(3, item.encode())
    if isinstance(item, bytes):      # a number's text, see parse_json
        return of_number(item.decode())
    assert isinstance(item, dict)
    (kind, text), = item.items()
    return of_number(text) if kind == "real" else value({"text": 3, "blob": 4}[kind], bytes.fromhex(text))


def parse_json(line: str) -> dict:
    return json.loads(line, parse_int=str.encode, parse_float=str.encode, parse_constant=None)


def of_csv(field: str) -> bytes:
    if field == "":
        return b"\0"
    if field[0] == '"':
        return value(3, field[1:-1].replace('""', '"').encode())
    if field[:2] in ("X'", "T'"):
        return value(4 if field[0] == "X" else 3, bytes.fromhex(field[2:-1]))
    return of_number(field)


CSV_FIELD = re.compile(r'("(?:[^"]|"")*"|[^,\r]*)(,|\r\n)')


def parse_csv(text: str) -> list[list[str]]:
    lines: list[list[str]] = [[]]
    at = 0
    while at < len(text):
        found = CSV_FIELD.match(text, at)
        assert found is not None, text[at:at + 50]
        lines[-1].append(found[1])
        at = found.end()
        if found[2] == "\r\n":
            lines.append([])
    assert lines.pop() == []
    return lines


@pytest.fixture
def dump(tmp_path: Path) -> tuple[Path, reference.Snapshot]:
    db = sqlite3.connect(tmp_path / "source.db")
    db.executescript(SCRIPT)
    db.close()
    snapshot = reference.read(tmp_path / "source.db")
    (tmp_path / "dump").write_bytes(reference.full(snapshot, chunk_size=60))
    return tmp_path / "dump", snapshot


def rows_of(snapshot: reference.Snapshot, name: str) -> list[bytes]:
    return next(t.rows for t in snapshot.tables if t.name == name.encode())


def test_jsonl(valise: Run, dump: tuple[Path, reference.Snapshot]) -> None:
    path, snapshot = dump
    said = valise("cat", "--format", "jsonl", "--table", 't "1"', path).stdout.decode()
    assert [b"".join(map(of_json, parse_json(line).values())) for line in said.splitlines()] == rows_of(snapshot, 't "1"')
    assert all(list(parse_json(line)) == ["a", "b;c", "d,e", "ü"] for line in said.splitlines())
    everything = [parse_json(line) for line in valise("cat", "--format", "jsonl", path).stdout.decode().splitlines()]
    assert [item["table"] for item in everything] == ['t "1"'] * 8 + ["u"] * 2


def test_csv(valise: Run, dump: tuple[Path, reference.Snapshot]) -> None:
    path, snapshot = dump
    head, *lines = parse_csv(valise("cat", "--format", "csv", "--table", 't "1"', path).stdout.decode())
    assert head == ['"a"', '"b;c"', '"d,e"', '"ü"']
    assert [b"".join(map(of_csv, line)) for line in lines] == rows_of(snapshot, 't "1"')


def test_sql(valise: Run, dump: tuple[Path, reference.Snapshot], tmp_path: Path) -> None:
    path, snapshot = dump
    db = sqlite3.connect(tmp_path / "again.db")
    db.executescript('CREATE TABLE "t ""1"""(a, "b;c", [d,e], "ü"); CREATE TABLE u(x INTEGER PRIMARY KEY, g AS (x + 1))')
    db.executescript(valise("cat", path).stdout.decode())
    db.close()
    again = reference.read(tmp_path / "again.db")
    for name in ('t "1"', "u"):
        assert rows_of(again, name) == rows_of(snapshot, name)


@pytest.mark.parametrize("form", ["sql", "csv", "jsonl"])
def test_nothing_acts_on_a_terminal(valise: Run, dump: tuple[Path, reference.Snapshot], form: str) -> None:
    said = valise("cat", "--format", form, "--table", 't "1"', dump[0]).stdout.decode()
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", said)
    assert said.count("\r") == (9 if form == "csv" else 0)


@pytest.mark.parametrize(("condition", "count"), [
    ("x=1", 1), ("x=3", 0), ("x=1.0", 0), ("g=2", 1)])
def test_where_key(valise: Run, dump: tuple[Path, reference.Snapshot], condition: str, count: int) -> None:
    said = valise("cat", "--table", "u", "--where-key", condition, dump[0]).stdout.decode()
    assert len(said.splitlines()) == count


def test_where_key_by_class(valise: Run, dump: tuple[Path, reference.Snapshot]) -> None:
    def count(*conditions: str) -> int:
        flags = [part for condition in conditions for part in ("--where-key", condition)]
        return len(valise("cat", "--format", "jsonl", "--table", 't "1"', *flags, dump[0]).stdout.splitlines())
    assert [count("a=NULL"), count("b;c=X'00FF'"), count("ü=1"), count("d,e=1"), count("a=NULL", "ü=2"), count("a=X''")] == [1, 1, 1, 1, 0, 1]
    assert [count("ü=-9223372036854775808"), count("ü=-99999999999999999999")] == [1, 0]


def test_refusals(valise: Run, dump: tuple[Path, reference.Snapshot], tmp_path: Path) -> None:
    path, _ = dump
    for arguments in (["--table", "no", path], ["--format", "csv", path], ["--table", "u", "--where-key", "y=1", path],
                      ["--where-key", "x=1", path], ["--format", "xml", path], []):
        valise("cat", *arguments, status=2)
    valise("cat", tmp_path / "missing", status=4)
    (tmp_path / "other").write_bytes(b"SQLite format 3\0" * 20)
    valise("cat", tmp_path / "other", status=5)


@pytest.mark.parametrize("seed", range(8))
def test_chain(valise: Run, tmp_path: Path, seed: int) -> None:
    paths, snapshots = random_chain.chain(tmp_path, seed, 4)
    for count, snapshot in enumerate(snapshots, 1):
        found = collections.defaultdict(collections.Counter)
        for line in valise("cat", "--format", "jsonl", *paths[:count]).stdout.decode().splitlines():
            item = parse_json(line)
            found[item["table"].encode()][b"".join(map(of_json, item["row"].values()))] += 1
        assert found == {t.name: collections.Counter(t.rows) for t in snapshot.tables if t.rows and t.kind == reference.ORDINARY}
    if snapshots[0].state != snapshots[1].state:
        assert valise("cat", paths[1], status=None).returncode in (0, 9)
