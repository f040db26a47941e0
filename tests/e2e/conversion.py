"""What a value of SQLite must be in a column of a PostgreSQL type, in a form that both sides can be brought to.

A value that has no place in the type becomes an Unfit, which equals nothing that PostgreSQL can hold.
"""
from __future__ import annotations

import datetime
import decimal
import json
import re
import struct
import uuid
from collections.abc import Callable
from typing import Any


class Text(bytes):
    """The bytes of a TEXT value (a BLOB is plain bytes)."""


class Unfit:
    """A value that the type can't hold."""

    def __init__(self, value: Any, kind: str) -> None:
        self.value, self.kind = value, kind

    def __repr__(self) -> str:
        return f"<{self.value!r} is no {self.kind}>"


def base_type(kind: str) -> str:
    """The name of a type without its modifiers: varchar(5) is varchar; arrays keep their brackets."""
    return re.sub(r"\([^)]*\)", "", kind).strip()


INTEGERS = {"smallint": 16, "integer": 32, "bigint": 64, "oid": 33}
TEXTS = {"text", "character varying", "name", "citext"}
DATES = {"timestamp without time zone", "timestamp with time zone", "date", "time without time zone",
         "time with time zone", "interval"}


def to_boolean(value: Any) -> Any:
    if isinstance(value, Text) and value in (b"0", b"1", b"t", b"f", b"true", b"false"):
        return value in (b"1", b"t", b"true")
    return bool(value) if value in (0, 1) and not isinstance(value, bytes) else Unfit(value, "boolean")


def to_integer(kind: str) -> Callable[[Any], Any]:
    limit = 1 << (INTEGERS[kind] - 1)

    def convert(value: Any) -> Any:
        number = value
        if isinstance(value, float) and value.is_integer():
            number = int(value)
        if isinstance(value, Text) and re.fullmatch(rb"\s*[+-]?\d+\s*", value):
            number = int(value)
        return number if type(number) is int and -limit <= number < limit else Unfit(value, kind)
    return convert


def to_float(kind: str) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        if isinstance(value, bytes):
            try:
                value = float(value) if isinstance(value, Text) else Unfit(value, kind)
            except ValueError:
                return Unfit(value, kind)
        if isinstance(value, (int, float)):
            number = float(value)
            return struct.unpack("f", struct.pack("f", number))[0] if kind == "real" else number
        return value
    return convert


def plain(number: decimal.Decimal) -> str:
    """One spelling for equal numbers."""
    return format(number.normalize() + 0, "f") if number.is_finite() else str(number)


def to_numeric(value: Any) -> Any:
    try:
        return plain(decimal.Decimal(repr(value) if isinstance(value, float) else
                                     value.decode() if isinstance(value, Text) else value))
    except (decimal.InvalidOperation, UnicodeDecodeError, TypeError, ValueError):
        return Unfit(value, "numeric")


def to_text(value: Any) -> Any:
    if isinstance(value, bytes):
        try:
            text = value.decode()
        except UnicodeDecodeError:
            return Unfit(bytes(value), "text")
        return Unfit(text, "text without NUL") if "\0" in text else text
    return str(value) if isinstance(value, int) else repr(value)


def to_padded(value: Any) -> Any:
    text = to_text(value)
    return text.rstrip(" ") if isinstance(text, str) else text


def to_bytes(value: Any) -> Any:
    return bytes(value) if isinstance(value, bytes) else Unfit(value, "bytea")


def canonical_json(text: str) -> str:
    """Equal for JSON values that are equal: key order and the spelling of numbers do not matter."""
    def number(digits: str) -> str:
        return "number " + plain(decimal.Decimal(digits))
    return json.dumps(json.loads(text, parse_float=number, parse_int=number), sort_keys=True)


def to_jsonb(value: Any) -> Any:
    try:
        return canonical_json(value.decode() if isinstance(value, bytes) else str(value))
    except (ValueError, UnicodeDecodeError):
        return Unfit(value, "jsonb")


def to_uuid(value: Any) -> Any:
    try:
        if isinstance(value, Text):
            return str(uuid.UUID(value.decode()))
        return str(uuid.UUID(bytes=value)) if isinstance(value, bytes) else Unfit(value, "uuid")
    except ValueError:
        return Unfit(value, "uuid")


def moment(text: str, kind: str) -> str:
    """One spelling for a date or time; what Python can't read stays as it is."""
    try:
        if kind == "date":
            return datetime.date.fromisoformat(text).isoformat()
        if kind.startswith("time "):
            return datetime.time.fromisoformat(text).isoformat()
        if kind.startswith("timestamp"):
            found = datetime.datetime.fromisoformat(text)
            if kind.endswith("with time zone") and found.tzinfo:
                found = found.astimezone(datetime.timezone.utc)
            return found.replace(tzinfo=None).isoformat()
    except ValueError:
        pass
    return text


def to_moment(kind: str) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        text = to_text(value)
        return moment(text, kind) if isinstance(text, str) else text
    return convert


def converter(kind: str) -> Callable[[Any], Any]:
    """The function that converts a value of SQLite for a column of this type."""
    base = base_type(kind)
    convert: Callable[[Any], Any]
    if base in INTEGERS:
        convert = to_integer(base)
    elif base in ("real", "double precision"):
        convert = to_float(base)
    elif base in DATES:
        convert = to_moment(base)
    else:
        convert = {"boolean": to_boolean, "numeric": to_numeric, "bytea": to_bytes, "jsonb": to_jsonb,
                   "uuid": to_uuid, "character": to_padded}.get(base, to_text)
    return lambda value: None if value is None else convert(value)


def cast(kind: str) -> str:
    """What to add to a column's name, so that psycopg2 returns the type as text where its own reading would lose something."""
    base = base_type(kind)
    known = base in INTEGERS or base in TEXTS or base in ("boolean", "bytea", "real", "double precision")
    return "" if known else "::text"


def reader(kind: str) -> Callable[[Any], Any]:
    """The function that brings what psycopg2 returns to the same form."""
    base = base_type(kind)
    if base in DATES:
        return lambda value: None if value is None else moment(value, base)
    read: dict[str, Callable[[Any], Any]] = {
        "bytea": bytes, "jsonb": canonical_json, "numeric": lambda value: plain(decimal.Decimal(value)),
        "real": to_float("real"), "character": lambda value: value.rstrip(" ")}
    return lambda value: value if value is None or base not in read else read[base](value)
