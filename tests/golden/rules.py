#!/usr/bin/python3
"""The rules of SPEC.md: every sentence with MUST, and the golden files that test it.

    rules.py SPEC.md FOLDER             fails if a rule has no golden file and no reason
    rules.py --table SPEC.md FOLDER     prints appendix D
"""

import os
import re
import sys

# Rules that no file can break: they bind readers that ask for much memory, or whoever applies a delta to a state.
EXCUSED = {
    "A reader MUST check in this order": "`test_header.c`, `test_tail.c`",
    "MUST NOT look at optional_features": "`good-optional`",
    "MUST skip the block": "`good-optional`",
    "removed row MUST be among the old rows": "takes two dumps, so no file here breaks it",
    "A row MUST NOT be both removed and added": "binds the writer: `tests/e2e/test_delta_property.py` for what it writes",
    "the old row_count less all removed rows": "takes two dumps, so no file here breaks it",
    "The from_state MUST be the state_id": "takes two dumps: `tests/e2e/test_delta_property.py`",
    "The sum of its chunks MUST be": "takes two dumps, so no file here breaks it",
}


def rules(spec):
    """(section, sentence) of every rule, in order. A row of section 9's table is a rule as well."""
    found, section, paragraph = [], "", ""
    body = spec.split("## Appendix A")[0].split("## 2. ")[1]
    for line in ("## 2. " + body).split("\n") + [""]:
        heading = re.match(r"#+ ([\d.]+)", line)
        if heading:
            section = heading[1].rstrip(".")
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if section == "9" and line.startswith("|") and "MUST" in line:
            found.append((section, f"{cells[0]}, {cells[1]}: {cells[2]}"))
        if line.strip() and not heading and line[0] not in "|>#-" and not line.startswith("    "):
            paragraph += " " + line.strip()
            continue
        if line.startswith("- ") or (line.startswith("  ") and paragraph):
            paragraph += " " + line.strip(" -")
            continue
        for sentence in re.split(r"(?<=[.:;])\s+(?=[A-Z(*])|(?<=;)\s+", paragraph.strip()):
            if re.search(r"\bMUST\b|CORRUPT\.|are CORRUPT|is CORRUPT", sentence) and section != "2.1":
                found.append((section, re.sub(r"^\d\. |(?<=\.) \d\.$", "", sentence)))
        paragraph = ""
    return found


def golden(folder):
    """{rule's words: [files]} from the "# rule:" lines."""
    files = {}
    for name in sorted(os.listdir(folder)):
        if name.endswith(".hex"):
            for line in open(os.path.join(folder, name), encoding="utf-8"):
                if line.startswith("# rule: "):
                    files.setdefault(line[8:].strip(), []).append(name)
    return files


def match(spec, folder):
    """[(section, sentence, files, excuse)] and the words that are in no rule."""
    tested, unknown = [], golden(folder)
    for section, sentence in rules(spec):
        names = []
        for words in list(golden(folder)):
            number, _, rest = words.partition(" ")
            if number == section and rest in sentence:
                names += golden(folder)[words]
                unknown.pop(words, None)
        excuse = next((why for words, why in EXCUSED.items() if words in sentence), "")
        tested.append((section, sentence, names, excuse))
    return tested, unknown


def main(arguments):
    as_table = arguments[0] == "--table"
    spec, folder = open(arguments[-2], encoding="utf-8").read(), arguments[-1]
    tested, unknown = match(spec, folder)
    if as_table:
        print("| section | rule | golden files |\n|---|---|---|")
        for section, sentence, names, excuse in tested:
            print(f"| {section} | {sentence} | {', '.join(f'`{name}`' for name in names) or excuse} |")
        return 0
    bad = [f"no golden file: {section} {sentence}" for section, sentence, names, excuse in tested if not names and not excuse]
    bad += [f"no such rule: {', '.join(names)}: {words}" for words, names in unknown.items()]
    print("\n".join(bad) or f"{len(tested)} rules, each with a golden file or a reason")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
