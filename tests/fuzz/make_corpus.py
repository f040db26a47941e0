#!/usr/bin/python3
"""Makes the fuzz targets' corpora from the golden files: make_corpus.py FOLDER

FOLDER/dump, plan and script have the files, FOLDER/rows_block, schema and small_parts their blocks; profile and homeserver have YAML
files, value has values for every type. Exit status 77: something is missing.
"""

import os
import re
import struct
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden")
sys.path.insert(1, GOLDEN)

try:
    import assemble
    import xxhash   # noqa: F401 pylint: disable=unused-import
except ImportError as error:
    print(f"SKIP: {error} (Debian: python3-xxhash)")
    sys.exit(77)

# Label in a golden file: corpus, first byte.
BLOCKS = {"b0raw": ("schema", b""), "b1raw": ("rows_block", b"\2"), "b1braw": ("rows_block", b"\2"), "b4raw": ("rows_block", b"\1"),
          "b2raw": ("small_parts", b"\2"), "indexraw": ("small_parts", b"\3"), "unitsraw": ("small_parts", b"\4")}


# A value in its canonical form (SPEC 4.1): class, then the number or the size and the bytes.
VALUES = [b"\0", *(b"\1" + struct.pack("<q", n) for n in (0, 1, 2, -1, 1 << 31, -(1 << 63))),
          *(b"\2" + struct.pack("<d", x) for x in (0.0, -0.0, 1.5, 3.0, 1e300, float("inf"), float("nan"))),
          *(bytes([cls]) + struct.pack("<I", len(text)) + text for cls in (3, 4) for text in (
              b"", b"text\twith\n\\.", b"\0nul", b"\xff\xed\xa0\x80", "h\u00fc\u20ac".encode(), b"-012.50e3", b"12345.678", b"1e131072",
              b'{"a": [1, 2.50, "\\u00fc\\ud83d\\ude00", null], "a": {}}', b"[" * 40 + b"]" * 40,
              b"01234567-89ab-cdef-0123-456789abcdef", b"0123456789abcdef"))]
TYPE_COUNT = 42   # of hostile_target.c, each also NOT NULL

HOMESERVERS = [
    "server_name: a.example\ndatabase:\n  name: psycopg2\n  txn_limit: 10000\n  allow_unsafe_locale: true\n  args:\n    user: synapse\n"
    "    password: \"0123 @'\\\"\"\n    database: synapse\n    host: localhost\n    port: 5432\n    cp_min: 5\n    cp_max: 10\n"
    "    sslmode: verify-full\n",
    "database: {name: sqlite3, args: {database: /homeserver.db}}\n",
    "base: &base\n  user: synapse\ndatabase:\n  name: psycopg2\n  args:\n    <<: *base\n    dbname: synapse\n",
    "databases:\n  master:\n    name: psycopg2\n",
    "database_path: homeserver.db\n",
    "database:\n  name: psycopg2\n  args:\n    user: 0123\n    dsn: x\n    options: '-c search_path=public'\n",
]


def put(folder, corpus, name, data):
    os.makedirs(os.path.join(folder, corpus), exist_ok=True)
    with open(os.path.join(folder, corpus, name), "wb") as file:
        file.write(data)


def put_texts(folder):
    """What no golden file has: profiles, configurations, values, names."""
    profiles = os.path.join(ROOT, "profile")
    for name in sorted(os.listdir(profiles)):
        if name.endswith(".yaml"):
            with open(os.path.join(profiles, name), "rb") as file:
                put(folder, "profile", name, file.read())
    with open(os.path.join(ROOT, "docs", "profiles.md"), encoding="utf-8") as file:
        for number, text in enumerate(re.findall(r"((?:^    .*\n)+)", file.read(), re.MULTILINE)):
            put(folder, "profile", f"example-{number}.yaml", text.encode())
    for number, text in enumerate(HOMESERVERS):
        put(folder, "homeserver", f"{number}.yaml", text.encode())
    for kind in range(TYPE_COUNT):
        for number, value in enumerate(VALUES):
            put(folder, "value", f"{kind}-{number}", bytes([kind, (kind + number) % 8]) + value)
    for number, value in enumerate(VALUES):
        for part in range(4):
            put(folder, "texts", f"{part}-{number}", bytes([part]) + value)


def main():
    folder = sys.argv[1]
    for name in sorted(os.listdir(GOLDEN)):
        if not name.endswith(".hex"):
            continue
        source = assemble.Source(os.path.join(GOLDEN, name))
        data = source.assemble()
        put(folder, "dump", name[:-4], data)
        if name.startswith("good-"):
            put(folder, "script", name[:-4], data)
            for seed in range(6):
                put(folder, "plan", f"{name[:-4]}-{seed}", bytes([seed]) + data)
        put(folder, "small_parts", name[:-4] + "-header", b"\0" + data[:128])
        put(folder, "small_parts", name[:-4] + "-tail", b"\1" + data[-128:])
        for label, (corpus, first) in BLOCKS.items():
            try:
                body = source.bytes_of(source.get(label))[8:]
            except assemble.SourceError:
                continue
            put(folder, corpus, f"{name[:-4]}-{label}", first + body)
    put_texts(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
