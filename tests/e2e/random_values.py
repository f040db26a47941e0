"""Kinds of columns for random databases: how SQLite declares one, its type in PostgreSQL, and what may be in it.

The values of a kind fit its type; "any" takes every storage class there is, and has no type.
"""
from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass

Random = random.Random
WORDS = ["", "x", "hello", "ÜNÏ", "line\nbreak", "tab\t", "'", "\\N", "\\", "0", "1", "\x7f", "𝄞 𐍈", "a ", " a", "NULL", '"'] + ["t" * 299]
WITH_NUL = WORDS + ["a\0b", "\0"]


@dataclass(frozen=True)
class Kind:
    """`key`: values that are equal in PostgreSQL only where they are in SQLite; None: no key is made of such columns."""

    declared: tuple[str, ...]
    target: str
    is_named: bool      # valise schema must be told the type
    value: Callable[[Random], object]
    key: Callable[[Random], object] | None


def integer(r: Random) -> object:
    return r.choice([r.randrange(-5, 50), r.randrange(-5, 50), 2**63 - 1, -(2**63), 0, 2**31])


def real(r: Random) -> object:
    return r.choice([r.randrange(99) / 8, 0.5, -0.0, 0.0, 1e300, 5e-324, 3.0, 0.1, float("inf"), float("-inf")])


def finite(r: Random) -> object:
    return r.choice([r.randrange(99) / 8, 0.1, -0.0, 1e30, 1e-9, 3.0, -2.5])


def blob(r: Random) -> object:
    return r.choice([b"", b"\0", b"\xff\xfe", b"a", r.randbytes(8), bytes(100)])


def json(r: Random) -> object:
    return r.choice(['{"a": 1, "b": [null, 2.50]}', '{"b":[null,2.5],"a":1}', "[]", "null", '"x"', "17", "1.0", ' {"a" : {}} ', '"\\u00fc"',
                     '{"k": ' + str(r.randrange(40)) + "}"])


def identifier(r: Random) -> object:
    found = uuid.UUID(int=r.randrange(40))
    return r.choice([str(found), found.hex, found.bytes, str(found).upper()])


def moment(r: Random) -> object:
    return f"2024-0{r.randrange(1, 10)}-1{r.randrange(10)} 0{r.randrange(10)}:30:00" + r.choice(["", ".25"])


def anything(r: Random) -> object:
    return r.choice([integer, real, lambda _: r.choice(WITH_NUL), blob])(r)


KINDS = {
    "integer": Kind(("INTEGER", "BIGINT"), "bigint", False, integer, lambda r: r.randrange(-20, 400)),
    "small": Kind(("INT",), "smallint", True, lambda r: r.randrange(-2**15, 2**15), lambda r: r.randrange(300)),
    "boolean": Kind(("BOOLEAN",), "boolean", False, lambda r: r.randrange(2), None),
    "real": Kind(("REAL", "DOUBLE"), "double precision", False, real, lambda r: r.choice([-0.0, 0.0, r.randrange(400) / 4])),
    "single": Kind(("REAL",), "real", True, lambda r: r.choice([0.1, 0.1000000001, -0.0, 1e30, r.randrange(99) / 4]), None),
    "number": Kind(("",), "numeric", True, lambda r: r.choice([integer(r), finite(r), "12.50", "12.5"]), lambda r: r.choice([r.randrange(300), r.randrange(600) / 2])),
    "decimal": Kind(("DECIMAL(10, 2)",), "numeric", False, lambda r: r.choice([integer(r), finite(r)]), None),
    "text": Kind(("TEXT", "VARCHAR(9)", "CLOB"), "text", False, lambda r: r.choice(WORDS), lambda r: r.choice(["k", "", "ü", "K"]) * r.randrange(3) +
                 str(r.randrange(200))),
    "words": Kind(("",), "text", True, lambda r: r.choice([r.choice(WORDS), r.randrange(9), str(r.randrange(9)), b"hello"]), None),
    "bytes": Kind(("BLOB", ""), "bytea", True, lambda r: r.choice([blob(r), r.choice(WITH_NUL)]), lambda r: bytes([r.randrange(256)]) * r.randrange(3)),
    "json": Kind(("TEXT",), "jsonb", True, json, None),
    "plain json": Kind(("TEXT",), "json", True, json, None),
    "uuid": Kind(("TEXT", "BLOB"), "uuid", True, identifier, lambda r: str(uuid.UUID(int=r.randrange(400)))),
    "moment": Kind(("TEXT",), "timestamp without time zone", True, moment, moment),
    "padded": Kind(("TEXT",), "character(5)", True, lambda r: r.choice(["a", "a ", "abcde", "", "ü"]), None),
    "point": Kind(("TEXT",), "point", True, lambda r: f"({r.randrange(9)},{r.randrange(9)})", None),
    "list": Kind(("TEXT",), "integer[]", True, lambda r: r.choice(["{}", "{1,2}", f"{{{r.randrange(40)},NULL}}"]), None),
    "any": Kind(("", "INTEGER", "TEXT", "BLOB", "REAL", "NUMERIC"), "", False, anything, integer),
}
KEYED = [name for name, kind in KINDS.items() if kind.key is not None and name != "any"]
TYPED = [name for name in KINDS if name != "any"]
