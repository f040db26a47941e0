#!/usr/bin/python3
"""Makes the fuzz targets' corpora from the golden files: make_corpus.py FOLDER

FOLDER/dump has the files, FOLDER/rows_block, schema and small_parts their blocks. Exit status 77: something is missing.
"""

import os
import sys

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


def put(folder, corpus, name, data):
    os.makedirs(os.path.join(folder, corpus), exist_ok=True)
    with open(os.path.join(folder, corpus, name), "wb") as file:
        file.write(data)


def main():
    folder = sys.argv[1]
    for name in sorted(os.listdir(GOLDEN)):
        if not name.endswith(".hex"):
            continue
        source = assemble.Source(os.path.join(GOLDEN, name))
        data = source.assemble()
        put(folder, "dump", name[:-4], data)
        put(folder, "small_parts", name[:-4] + "-header", b"\0" + data[:128])
        put(folder, "small_parts", name[:-4] + "-tail", b"\1" + data[-128:])
        for label, (corpus, first) in BLOCKS.items():
            try:
                body = source.bytes_of(source.get(label))[8:]
            except assemble.SourceError:
                continue
            put(folder, corpus, f"{name[:-4]}-{label}", first + body)
    return 0


if __name__ == "__main__":
    sys.exit(main())
