#!/usr/bin/env python3
"""Writes builtin_profiles.c from YAML files: embed.py OUTPUT FILE..."""

import os
import sys


def main() -> None:
    output, files = sys.argv[1], sys.argv[2:]
    lines = ['#include "profile/builtin_profiles.h"', ""]
    entries = []
    for number, path in enumerate(files):
        with open(path, "rb") as file:
            data = file.read()
        lines.append(f"static const unsigned char text_{number}[] = {{")
        for at in range(0, len(data), 20):
            lines.append("    " + "".join(f"{byte}," for byte in data[at : at + 20]))
        lines += ["    0};", ""]
        name = os.path.basename(path)
        entries.append(f'    {{"{name}", (const char *)text_{number}, sizeof(text_{number}) - 1}},')
    lines += ["const struct builtin_profile builtin_profiles[] = {", *entries, "};"]
    lines.append(f"const size_t builtin_profile_count = {len(files)};")
    with open(output, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
