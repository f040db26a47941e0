#!/usr/bin/python3
"""Turns a golden file's annotated source (*.hex) into the bytes of a dump. README.md describes the notation.

    assemble.py SOURCE OUTPUT      writes the bytes
    assemble.py --list SOURCE      prints every byte with its place and its note, as in SPEC.md's example
"""

import hashlib
import os
import re
import struct
import sys

NUMBERS = {"u8": "<B", "u16": "<H", "u32": "<I", "u64": "<Q", "i32": "<i", "i64": "<q", "f64": "<d"}
TOKEN = re.compile(r'\s*(?:(#[^\n]*)|("(?:[^"\\]|\\.)*")|([{}])|([\w.-]+:(?=\s))|([^\s{}"#]+))')
TERM = re.compile(r"([+-]?)(?:(size|offset|end)\(([\w.-]+)\)|(0x[0-9a-f]+|\d+))")
ZSTD_BLOCK_MAX = 128 * 1024


class SourceError(Exception):
    """The source is wrong, not the dump."""


class Item:
    """A piece of the file: a leaf makes bytes, a group or frame has items inside."""

    def __init__(self, kind, argument=None, items=None):
        self.kind, self.argument, self.items = kind, argument, items
        self.label, self.note, self.bytes, self.is_busy, self.line = None, "", None, False, 0


def unescape(token):
    return re.sub(rb"\\(x[0-9a-f]{2}|.)", lambda m: bytes([int(m[1][1:], 16)]) if m[1][:1] == b"x" and len(m[1]) == 3
                  else {b"n": b"\n", b"0": b"\0", b"r": b"\r"}.get(m[1], m[1]), token[1:-1].encode())


class Parser:
    def __init__(self, text):
        self.tokens, at, line = [], 0, 1
        text = text.rstrip()
        while at < len(text):
            match = TOKEN.match(text, at)
            if match is None:
                raise SourceError(f"cannot read: {text[at:at + 40]!r}")
            line += text.count("\n", at, match.start(match.lastindex))
            at = match.end()
            self.tokens.append((match.lastindex, match[match.lastindex], line))
        self.next = 0

    def peek(self):
        return self.tokens[self.next] if self.next < len(self.tokens) else (0, "", 0)

    def take(self):
        token = self.peek()
        if token[0] == 0:
            raise SourceError("the source ends in the middle")
        self.next += 1
        return token

    def word(self):
        kind, text, _ = self.take()
        if kind == 1:
            return self.word()
        return text

    def words_of_line(self):
        line, words = self.tokens[self.next - 1][2], []
        while self.peek()[2] == line and self.peek()[0] != 1:
            words.append(self.word())
        return words

    def items(self, until=""):
        """Reads items until a closing brace; a comment behind items is their note."""
        items = []
        while True:
            kind, text, line = self.peek()
            if kind == 0 or text == until or (kind == 5 and not until and text.startswith("@")):
                return items
            self.next += 1
            if kind == 1:
                for item in [item for item in items if item.line == line][:1]:
                    item.note = text[1:].strip()
                continue
            item = self.item(kind, text)
            item.line = line
            items.append(item)

    def item(self, kind, text):
        if kind == 4:
            inner_kind, inner, _ = self.take()
            item = self.item(inner_kind, inner)
            item.label = text[:-1]
            return item
        if kind == 2:
            return Item("bytes", unescape(text))
        if text == "{":
            return self.group("group")
        if text == "frame":
            options = []
            while self.peek()[1] != "{":
                options.append(self.word())
            self.take()
            return self.group("frame", options)
        if text in NUMBERS:
            return Item(text, self.word())
        if text == "text":
            string = unescape(self.word())
            return Item("bytes", struct.pack("<I", len(string)) + string)
        if text in ("xxh3", "sha256", "copy", "low", "digest"):
            return Item(text, [self.word()])
        if text in ("sum", "difference"):
            names = []
            while self.peek()[0] == 5 and self.peek()[1].startswith("$"):
                names.append(self.word()[1:])
            return Item(text, names)
        if re.fullmatch("([0-9a-f]{2})+", text):
            return Item("bytes", bytes.fromhex(text))
        raise SourceError(f"{text!r} is not understood")

    def group(self, kind, argument=None):
        items = self.items("}")
        self.take()
        return Item(kind, argument, items)


class Source:
    """A parsed source: the file's items, what was only defined, and what happens to the bytes in the end."""

    def __init__(self, path):
        self.path, self.items, self.defined, self.changes, self.labels = path, [], [], [], {}
        parser = Parser(open(path, encoding="utf-8").read())
        self.items += parser.items()
        while parser.peek()[0] != 0:
            self.directive(parser)
            self.items += parser.items()

    def directive(self, parser):
        name = parser.word()
        if name == "@like":
            base = Source(os.path.join(os.path.dirname(self.path), parser.word()))
            self.items, self.defined, self.changes = base.items, base.defined, base.changes
        elif name == "@define":
            self.defined.insert(0, self.braced(parser))   # the last definition of a label counts
        elif name in ("@set", "@before", "@after", "@remove"):
            self.edit(name, parser.word().lstrip("$"), parser)
        elif name == "@frame":
            items, index = self.find(parser.word())
            items[index].argument = parser.words_of_line()
        elif name in ("@cut", "@flip"):
            self.changes.append((name, int(parser.word(), 0)))
        else:
            raise SourceError(f"there is no {name}")

    @staticmethod
    def braced(parser):
        kind, text, _ = parser.take()
        item = parser.item(kind, text)
        if item.kind not in ("group", "frame") and item.label is None:
            raise SourceError("a definition needs a label")
        return item

    def edit(self, name, label, parser):
        items, index = self.find(label)
        if name == "@remove":
            del items[index]
            return
        if parser.word() != "{":
            raise SourceError(f"{name} {label} needs braces")
        group = parser.group("group")
        if name == "@set":
            group.label, group.note = label, items[index].note
            items[index] = group
        else:
            items[index + (name == "@after"):index + (name == "@after")] = group.items

    def find(self, label):
        def search(items):
            for index, item in enumerate(items):
                if item.label == label:
                    return items, index
                found = search(item.items) if item.items else None
                if found:
                    return found
            return None

        found = search(self.defined) or search(self.items)
        if not found:
            raise SourceError(f"nothing is labelled {label}")
        return found

    # --- from items to bytes ---

    def size(self, item):
        """The size is known before the bytes are; offsets follow from it."""
        if item.kind in NUMBERS:
            return struct.calcsize(NUMBERS[item.kind])
        if item.kind in ("xxh3", "sum", "difference"):
            return 16
        if item.kind in ("sha256", "digest", "low"):
            return 8 if item.kind == "low" else 32
        if item.kind == "copy":
            return self.size(self.get(item.argument[0]))
        if item.kind == "bytes":
            return len(item.argument)
        content = sum(map(self.size, item.items))
        if item.kind == "frame":
            head, tail = frame_ends(bytes(content), item.argument)
            content += len(head) + len(tail) + 3 * max(1, -(-content // ZSTD_BLOCK_MAX))
        return content

    def get(self, label):
        items, index = self.find(label.lstrip("$"))
        return items[index]

    def offset(self, wanted):
        def search(items, at):
            for item in items:
                if item is wanted:
                    return at
                if item.items:
                    found = search(item.items, at)
                    if found is not None:
                        return found
                at += self.size(item)
            return None

        return search(self.items, 0)

    def number(self, text):
        total, at = 0, 0
        while at < len(text):
            match = TERM.match(text, at)
            if match is None:
                raise SourceError(f"{text!r} is no number")
            at = match.end()
            sign, function, label, digits = match.groups()
            if function:
                item = self.get(label)
                value = self.size(item) if function == "size" else self.offset(item)
                value += self.size(item) if function == "end" else 0
            else:
                value = int(digits, 0)
            total += -value if sign == "-" else value
        return total

    def bytes_of(self, item):
        if item.bytes is None:
            if item.is_busy:
                raise SourceError(f"{item.label or item.kind} depends on itself")
            item.is_busy = True
            item.bytes = self.make(item)
            item.is_busy = False
        return item.bytes

    def make(self, item):
        import xxhash
        if item.kind == "bytes":
            return item.argument
        if item.kind == "f64":
            return struct.pack("<d", float(item.argument))
        if item.kind in NUMBERS:
            return struct.pack(NUMBERS[item.kind], self.number(item.argument))
        if item.kind in ("group", "frame"):
            content = b"".join(map(self.bytes_of, item.items))
            return make_frame(content, item.argument) if item.kind == "frame" else content
        if item.kind == "digest":
            end = self.items.index(self.get(item.argument[0]))
            return hashlib.sha256(b"".join(map(self.bytes_of, self.items[:end]))).digest()
        parts = [self.bytes_of(self.get(label)) for label in item.argument]
        if item.kind == "copy":
            return parts[0]
        if item.kind == "sha256":
            return hashlib.sha256(parts[0]).digest()
        hashes = [xxhash.xxh3_128(part).intdigest() for part in parts]
        if item.kind == "low":
            return struct.pack("<Q", hashes[0] & (2**64 - 1))
        if item.kind == "difference":   # the first is removed, the others are added
            hashes[0] = -hashes[0]
        return (sum(hashes) % 2**128).to_bytes(16, "little")

    def assemble(self):
        data = bytearray(b"".join(map(self.bytes_of, self.items)))
        for name, value in self.changes:
            if name == "@cut":
                del data[value if value >= 0 else len(data) + value:]
            else:
                data[value if value >= 0 else len(data) + value] ^= 1
        return bytes(data)

    # --- listing ---

    def pieces(self, items, note="", line=0):
        """Every piece of the file as (line of the source, bytes, note)."""
        for item in items:
            data = self.bytes_of(item)
            item_line, item_note = line or item.line, item.note or note
            note = ""
            if item.kind == "group":
                is_short = item.note != ""   # a group on one line has one note
                yield from self.pieces(item.items, item_note, item_line if is_short else 0)
            elif item.kind == "frame":
                head, tail = frame_ends(b"".join(map(self.bytes_of, item.items)), item.argument)
                yield -1, head, "zstd: magic, descriptor, content size"
                yield -2, data[len(head):len(head) + 3], "zstd: last block, raw, its size"
                yield from self.pieces(item.items)
                yield -3, tail, "zstd: checksum"
            else:
                yield item_line, data, item_note

    def list(self):
        """The lines of a listing: what stands on one line of the source stands together."""
        merged = []
        for line, data, note in self.pieces(self.items):
            if merged and merged[-1][0] == line:
                merged[-1][1] += data
            elif data:
                merged.append([line, data, note])
        at, lines = 0, []
        for _, data, note in merged:
            for start in range(0, len(data), 16):
                part = data[start:start + 16].hex(" ")
                lines.append(f"{at + start:04x}  {part:47}  {note if start == 0 else ''}".rstrip())
            at += len(data)
        return lines


def frame_ends(content, options):
    """What stands before and after the blocks of a zstd frame (RFC 8878, 3.1.1)."""
    import xxhash
    declared = len(content)
    if "size" in options:
        declared = int(options[options.index("size") + 1], 0)
    if "nosize" in options:
        head = b"\x04\x58"   # no content size; a window of 2 MiB
    elif declared < 256:
        head = b"\x24" + struct.pack("<B", declared)
    elif declared < 65536 + 256:
        head = b"\x64" + struct.pack("<H", declared - 256)
    elif declared < 2**32:
        head = b"\xa4" + struct.pack("<I", declared)
    else:
        head = b"\xe4" + struct.pack("<Q", declared)
    return b"\x28\xb5\x2f\xfd" + head, struct.pack("<I", xxhash.xxh64(content).intdigest() & 0xFFFFFFFF)


def make_frame(content, options):
    head, tail = frame_ends(content, options)
    blocks = [content[at:at + ZSTD_BLOCK_MAX] for at in range(0, len(content), ZSTD_BLOCK_MAX)] or [b""]
    body = b"".join(struct.pack("<I", len(block) << 3 | (index == len(blocks) - 1))[:3] + block
                    for index, block in enumerate(blocks))
    return head + body + tail


def main(arguments):
    try:
        if arguments[0] == "--list":
            print("\n".join(Source(arguments[1]).list()))
        else:
            data = Source(arguments[0]).assemble()
            with open(arguments[1], "wb") as output:
                output.write(data)
    except SourceError as error:
        sys.exit(f"{arguments}: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
