#!/usr/bin/python3
"""What SPEC.md shows must be true: the example of appendix A, the vectors of B, the table of D.

    check_spec.py LIST_DUMP CHECK_VECTORS [--update]     --update writes the appendices A and D anew

Exit status 77: something is missing.
"""

import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
GOLDEN = os.path.join(ROOT, "tests", "golden")
sys.path[1:1] = [GOLDEN, os.path.join(ROOT, "tests", "oracle")]

try:
    import assemble
    import read_dump
    import rules
    from primitives import Reader, canonical, stored, xxh3
except ImportError as error:
    print(f"SKIP: {error} (Debian: python3-xxhash python3-zstandard)")
    sys.exit(77)

EXAMPLE = os.path.join(GOLDEN, "good-example.hex")


def appendix(spec, letter):
    """The text of an appendix, and where it is."""
    start = spec.index("\n", spec.index(f"## Appendix {letter}.")) + 1
    next_heading = spec.find("\n## ", start)
    return start, len(spec) if next_heading < 0 else next_heading + 1


def code_blocks(text):
    return re.findall(r"```\n(.*?)```", text, re.DOTALL)


def listing_of(data, list_dump):
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        return subprocess.run([list_dump, file.name], stdout=subprocess.PIPE, check=True).stdout.decode()


def example_text(list_dump):
    source = assemble.Source(EXAMPLE)
    listing = "\n".join(source.list())
    return ("\nOne table, `CREATE TABLE room(id INTEGER, name)`, with the rows (1, 'Lobby'), (2, 'Attic') and (4, NULL). The frames\n"
            "hold uncompressed zstd blocks, so that everything can be read here. Left the place in the file, then the bytes, then what\n"
            f"they are.\n\n```\n{listing}\n```\n\nWhat it holds:\n\n```\n{listing_of(source.assemble(), list_dump)}```\n\n")


def rules_text(spec):
    tested, _ = rules.match(spec, GOLDEN)
    lines = [f"| {section} | {sentence} | {', '.join(f'`{name[:-4]}`' for name in names) or excuse} |"
             for section, sentence, names, excuse in tested]
    return ("\nEvery rule, and the files in `tests/golden/` that break it.\n\n| section | rule | golden files |\n|---|---|---|\n"
            + "\n".join(lines) + "\n")


def check_example(spec, list_dump):
    """The bytes as printed are the golden file, and say what the text below them says."""
    start, end = appendix(spec, "A")
    dump, text = code_blocks(spec[start:end])[:2]
    data = b""
    for line in dump.splitlines():
        if int(line[:4], 16) != len(data):
            return [f"appendix A: byte {line[:4]} is at {len(data):04x}"]
        data += bytes.fromhex(line[6:53])
    wrong = []
    if data != assemble.Source(EXAMPLE).assemble():
        wrong.append("appendix A: the bytes are not those of good-example.hex")
    if listing_of(data, list_dump) != text:
        wrong.append("appendix A: list_dump says something else")
    if "\n".join(read_dump.Dump(data).lines) + "\n" != text:
        wrong.append("appendix A: the oracle says something else")
    return wrong


def vector(words):
    """What Python makes of the left side of a vector."""
    data = [b"" if word == "-" else bytes.fromhex(word) if re.fullmatch("([0-9a-f]{2})+", word) else None for word in words]
    if words[0] == "xxh3":
        return stored(xxh3(data[1]))
    if words[0] == "sha256":
        return read_dump.hashlib.sha256(data[1]).digest()
    if words[0] == "sum":
        return stored(int.from_bytes(data[1], "little") + int.from_bytes(data[2], "little"))
    if words[0] == "column":
        body = Reader(data[2])
        values = read_dump.Dump.read_values(None, int(words[1]), body)
        body.end()
        return b"".join(canonical(*value) for value in values)
    kind = ["null", "integer", "real", "text", "blob"].index(words[1])
    value = {0: lambda: None, 1: lambda: int(words[2]), 2: lambda: int(words[2], 16)}.get(kind, lambda: data[2])
    return canonical(kind, value())


def check_vectors(spec, program):
    start, end = appendix(spec, "B")
    lines = [line for block in code_blocks(spec[start:end]) for line in block.splitlines()]
    wrong = []
    for line in lines:
        left, _, right = line.partition(" = ")
        if vector(left.split()) != bytes.fromhex(right):
            wrong.append(f"appendix B: {line}: Python has {vector(left.split()).hex()}")
    done = subprocess.run([program], input="\n".join(lines).encode() + b"\n", stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        wrong.append(f"appendix B, in C: {done.stdout.decode()}")
    return wrong


def main():
    list_dump, program = sys.argv[1:3]
    path = os.path.join(ROOT, "SPEC.md")
    with open(path, encoding="utf-8") as file:
        spec = file.read()
    if "--update" in sys.argv:
        for letter, text in (("D", rules_text(spec)), ("A", example_text(list_dump))):
            start, end = appendix(spec, letter)
            spec = spec[:start] + text + spec[end:]
        with open(path, "w", encoding="utf-8") as file:
            file.write(spec)
    wrong = check_example(spec, list_dump) + check_vectors(spec, program)
    start, end = appendix(spec, "D")
    if spec[start:end] != rules_text(spec):
        wrong.append("appendix D is not what tests/spec/check_spec.py --update writes")
    print("\n".join(wrong) or "the specification tells the truth")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
