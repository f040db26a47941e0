"""What SPEC.md's sections 2, 4 and 5.2 say of single values, for read_dump.py."""

import math
import struct

import xxhash

NULL, INTEGER, REAL, TEXT, BLOB = range(5)


class DumpError(Exception):
    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


def must(condition, text, status=6):
    if not condition:
        raise DumpError(status, text)


def xxh3(data):
    return xxhash.xxh3_128_intdigest(data)


def stored(number):
    """A 128-bit number as in a file: low half first, so little-endian."""
    return (number % 2**128).to_bytes(16, "little")


class Reader:
    """Numbers, texts and packed numbers (2.2, 2.4) from a block's body."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def bytes(self, size):
        must(size <= len(self.data) - self.at, "a size reaches beyond its block")
        self.at += size
        return self.data[self.at - size:self.at]

    def __getattr__(self, name):     # u8 u16 u32 u64 i32 i64
        code = {"u8": "B", "u16": "H", "u32": "I", "u64": "Q", "i32": "i", "i64": "q"}[name]
        return lambda: struct.unpack("<" + code, self.bytes(struct.calcsize("<" + code)))[0]

    def text(self):
        return self.bytes(self.u32())

    def planes(self, count, width):
        data = self.bytes(count * width)
        return [sum(data[k * count + i] << 8 * k for k in range(width)) for i in range(count)]

    def packed(self, count):
        width = self.u8()
        must(width in (0, 1, 2, 4, 8), f"width {width}")
        return self.planes(count, width)

    def end(self):
        must(self.at == len(self.data), "bytes after the end of a body")


def canonical(kind, value):
    if kind == NULL:
        return b"\0"
    if kind == INTEGER:
        return b"\1" + struct.pack("<q", value)
    if kind == REAL:
        return b"\2" + struct.pack("<Q", value)   # REALs are kept as their 64 bits
    return bytes([kind]) + struct.pack("<I", len(value)) + value


class Facts:
    """Of one column (5.3)."""

    def __init__(self):
        self.counts, self.integers, self.rest = [0] * 5, [], [0] * 7

    def observe(self, kind, value):
        self.counts[kind] += 1
        rest = self.rest
        if kind == INTEGER:
            self.integers = [min(self.integers + [value]), max(self.integers + [value])]
        elif kind == REAL:
            real = struct.unpack("<d", struct.pack("<Q", value))[0]
            rest[0] += not (math.isfinite(real) and real == int(real) and -2**63 <= int(real) < 2**63)
            rest[1] += math.isinf(real)
        elif kind == TEXT:
            rest[2] += 0 in value
            try:
                value.decode("utf-8")
            except UnicodeDecodeError:
                rest[3] += 1
            rest[4] = max(rest[4], len(value))
            rest[5] = max(rest[5], sum(not 0x80 <= byte <= 0xBF for byte in value))
        elif kind == BLOB:
            rest[6] = max(rest[6], len(value))

    def numbers(self):
        return tuple(self.counts + (self.integers or [0, 0]) + self.rest)


def read_integers(count, body):
    numbers = [body.u64()]
    for delta in body.packed(count - 1):
        numbers.append((numbers[-1] + (-(delta + 1) // 2 if delta & 1 else delta // 2)) % 2**64)
    return [number - (2**64 if number >= 2**63 else 0) for number in numbers]


def read_strings(count, body):
    smallest = body.u32()
    sizes = [smallest + more for more in body.packed(count)]
    must(max(sizes, default=0) < 2**32, "the size of a string")
    return [body.bytes(size) for size in sizes]


def read_strings_or_places(count, body):
    mode = body.u8()
    must(mode <= 1, f"mode {mode}")
    if mode == 0:
        return read_strings(count, body)
    known = body.u32()
    must(1 <= known <= count, "the size of a dictionary")
    strings = read_strings(known, body)
    must(known <= 1 + sum(map(len, strings)), "a dictionary of too few bytes")
    places = body.packed(count)
    must(max(places) < known, "a place beyond the dictionary")
    return [strings[place] for place in places]


def quoted(data):
    return '"' + "".join(chr(b) if 0x20 <= b <= 0x7E and b not in b'"\\' else f"\\x{b:02x}" for b in data) + '"'


def shown(kind, value):
    return ["NULL", str(value), f"real:{value or 0:016x}" if kind == REAL else "", "", "x"][kind] \
        + (quoted(value) if kind in (TEXT, BLOB) else "")
