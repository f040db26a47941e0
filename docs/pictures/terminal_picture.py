#!/usr/bin/python3
"""Make an SVG of what a terminal shows: tmux capture-pane -e -p | docs/pictures/terminal_picture.py > picture.svg"""
from __future__ import annotations

import html
import re
import sys

COLOURS = {31: "#ff6b60", 32: "#3fb950", 33: "#e3b341", 36: "#39c5cf"}
INK, PAPER = "#e6e9ec", "#14171a"
WIDTH, HEIGHT = 8.4, 18


def runs(line: str, look: list) -> list[tuple[int, str, str, bool, bool]]:
    """Pieces of one look: column, text, colour, bold, reversed. The look lasts until the next line."""
    found, column = [], 0
    colour, bold, reverse = look
    for part in re.split(r"(\x1b\[[0-9;]*m|\x0e|\x0f|\x1b\([B0])", line):
        if part.startswith("\x1b["):
            for code in [int(word or 0) for word in part[2:-1].split(";")]:
                if code == 0:
                    colour, bold, reverse = INK, False, False
                bold = bold or code == 1
                reverse = (reverse or code == 7) and code != 27
                colour = COLOURS.get(code, INK if code == 39 else colour)
        elif part and part[0] not in "\x0e\x0f\x1b":
            found.append((column, part, colour, bold, reverse))
            column += len(part)
    look[:] = [colour, bold, reverse]
    return found


def main() -> None:
    lines = sys.stdin.read().rstrip("\n").split("\n")
    look = [INK, False, False]
    rows = [runs(line, look) for line in lines]
    columns = max(80, *(sum(len(piece[1]) for piece in row) for row in rows))
    width, height = columns * WIDTH + 20, len(lines) * HEIGHT + 20
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" '
          f'font-family="DejaVu Sans Mono,Menlo,Consolas,monospace" font-size="14">'
          f'<rect width="100%" height="100%" rx="8" fill="{PAPER}"/>')
    for row, pieces in enumerate(rows):
        for column, text, colour, bold, reverse in pieces:
            x, y, size = 10 + column * WIDTH, 10 + row * HEIGHT, len(text) * WIDTH
            if reverse:
                print(f'<rect x="{x:.1f}" y="{y}" width="{size:.1f}" height="{HEIGHT}" fill="{colour}"/>')
            if text.strip():
                weight = ' font-weight="bold"' if bold else ""
                print(f'<text x="{x:.1f}" y="{y + 14}" xml:space="preserve" textLength="{size:.1f}" lengthAdjust="spacingAndGlyphs" '
                      f'fill="{PAPER if reverse else colour}"{weight}>{html.escape(text)}</text>')
    print("</svg>")


if __name__ == "__main__":
    main()
