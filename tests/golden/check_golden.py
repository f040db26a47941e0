#!/usr/bin/python3
"""Every golden file: good ones print as their *.txt, bad ones fail as their first comment says.

    check_golden.py LIST_DUMP VALISE [--update]     --update writes the *.txt of good files anew

Each file is read by the programs and by the independent reader in tests/oracle. Exit status 77: something is missing.
"""

import os
import subprocess
import sys
import tempfile

FOLDER = os.path.dirname(os.path.abspath(__file__))
ORACLE = os.path.join(FOLDER, "..", "oracle", "read_dump.py")
KINDS = {"NOT_DUMP": 5, "CORRUPT": 6, "UNSUPPORTED": 7}

try:
    import assemble
    import xxhash       # noqa: F401 pylint: disable=unused-import
    import zstandard    # noqa: F401 pylint: disable=unused-import
except ImportError as error:
    print(f"SKIP: {error} (Debian: python3-xxhash python3-zstandard)")
    sys.exit(77)


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def check_good(name, path, list_dump, valise):
    """Returns what is wrong, in words."""
    wanted_path = os.path.join(FOLDER, name + ".txt")
    status, listing, message = run(list_dump, path)
    if status != 0:
        return [f"list_dump: {message}"]
    if "--update" in sys.argv:
        with open(wanted_path, "w", encoding="ascii") as file:
            file.write(listing)
    wrong = []
    with open(wanted_path, encoding="ascii") as file:
        if file.read() != listing:
            wrong.append(f"the listing is not that of {name}.txt")
    status, oracle, message = run(sys.executable, ORACLE, path)
    if status != 0 or oracle != listing:
        wrong.append(f"the oracle reads it differently: {message}")
    status, text, message = run(valise, "verify", path)
    if status != 0 or not text.endswith("\nwhole\n"):
        wrong.append(f"valise verify: {message}")
    status, _, message = run("zstd", "-tq", path)
    if status != 0:
        wrong.append(f"zstd -t: {message}")
    return wrong


def check_bad(source, path, list_dump, valise):
    with open(source, encoding="utf-8") as file:
        kind, _, words = file.readline()[2:].strip().partition(":")
        words = words.strip()
    wrong = []
    status, text, message = run(valise, "verify", path)
    if status != KINDS[kind] or words not in text + message:
        wrong.append(f"valise verify: status {status}, expected {KINDS[kind]} and {words!r}: {text}{message}")
    status, _, message = run(sys.executable, ORACLE, path)
    if status != KINDS[kind]:
        wrong.append(f"the oracle: status {status}, expected {KINDS[kind]}: {message}")
    # What only reading and adding up all rows shows, the plain reader may pass.
    status, _, message = run(list_dump, path)
    if status not in (0, KINDS[kind]):
        wrong.append(f"list_dump: status {status}, expected {KINDS[kind]}: {message}")
    return wrong


def main():
    list_dump, valise = sys.argv[1:3]
    wrong_count, count = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "dump")
        for file_name in sorted(os.listdir(FOLDER)):
            name, extension = os.path.splitext(file_name)
            if extension != ".hex":
                continue
            source = os.path.join(FOLDER, file_name)
            try:
                with open(path, "wb") as file:
                    file.write(assemble.Source(source).assemble())
                wrong = (check_good(name, path, list_dump, valise) if name.startswith("good-")
                         else check_bad(source, path, list_dump, valise))
            except assemble.SourceError as error:
                wrong = [f"the source is wrong: {error}"]
            count += 1
            wrong_count += bool(wrong)
            for text in wrong:
                print(f"{name}: {text.strip()}")
    print(f"{count} golden files, {wrong_count} not as they should be")
    return 1 if wrong_count else 0


if __name__ == "__main__":
    sys.exit(main())
