"""Plots as SVG that can be read on a light and on a dark page. No library: a plot here is lines on logarithmic axes."""

import math
from dataclasses import dataclass
from xml.sax.saxutils import escape

STYLE = """
  text { font: 12px sans-serif; fill: #24292f; }
  .title { font-weight: bold; }
  .grid { stroke: #d0d7de; stroke-width: 1; }
  .line { fill: none; stroke-width: 2; }
  .limit { stroke-dasharray: 5 4; stroke-width: 1.5; }
  .spread { fill: none; stroke-width: 1.2; }
  .leader { stroke-width: 0.7; opacity: 0.6; }
  .c0 { stroke: #0969da; } .f0, text.f0 { fill: #0969da; }
  .c1 { stroke: #1a7f37; } .f1, text.f1 { fill: #1a7f37; }
  .c2 { stroke: #8250df; } .f2, text.f2 { fill: #8250df; }
  .c3 { stroke: #bc4c00; } .f3, text.f3 { fill: #bc4c00; }
  .c4 { stroke: #cf222e; } .f4, text.f4 { fill: #cf222e; }
  .c5 { stroke: #57606a; } .f5, text.f5 { fill: #57606a; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .grid { stroke: #3d444d; }
    .c0 { stroke: #58a6ff; } .f0, text.f0 { fill: #58a6ff; }
    .c1 { stroke: #3fb950; } .f1, text.f1 { fill: #3fb950; }
    .c2 { stroke: #bc8cff; } .f2, text.f2 { fill: #bc8cff; }
    .c3 { stroke: #f0883e; } .f3, text.f3 { fill: #f0883e; }
    .c4 { stroke: #ff7b72; } .f4, text.f4 { fill: #ff7b72; }
    .c5 { stroke: #9198a1; } .f5, text.f5 { fill: #9198a1; }
  }
"""
MARGIN_LEFT, MARGIN_TOP, MARGIN_BOTTOM, LABEL_WIDTH = 62, 34, 40, 166
LABEL_HEIGHT = 14
DECADES_WITH_FEW_TICKS = 4      # more have powers of ten alone


@dataclass
class Point:
    x: float                    # above 0, as are all of y
    y: float
    low: float                  # the smallest and the largest y that were measured
    high: float


@dataclass
class Line:
    name: str
    points: list
    colour: int
    is_limit: bool = False


@dataclass
class Panel:
    title: str
    unit: str                   # of y
    lines: list
    width: int = 520
    height: int = 340
    from_zero: bool = False     # y is linear and begins at 0


def ticks(low, high):
    """Powers of ten, and their doubles and halves where there are few."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if math.log10(high / low) <= DECADES_WITH_FEW_TICKS else (1,)
    found = [m * 10.0 ** e for e in exponents for m in steps]
    return [tick for tick in found if low <= tick * 1.0001 and tick <= high * 1.0001]


def linear_ticks(high):
    step = 10.0 ** math.floor(math.log10(high))
    step = next(s for s in (step / 5, step / 2, step) if high / s <= 6)
    return [i * step for i in range(int(high / step) + 1)]


def size_label(size):
    return f"{size / (1 << 30):.3g} GiB" if size >= 1 << 30 else f"{size / (1 << 20):.0f} MiB"


def spread_labels(wanted, low, high):
    """Positions near those wanted, in their order, LABEL_HEIGHT apart, within low and high where there is room."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    places = [0.0] * len(wanted)
    least = low
    for i in order:
        places[i] = max(wanted[i], least)
        least = places[i] + LABEL_HEIGHT
    most = high
    for i in reversed(order):
        places[i] = min(places[i], most)
        most = places[i] - LABEL_HEIGHT
    return places


class Drawing:
    """One panel, its left upper corner at (left, 0)."""

    def __init__(self, panel, left):
        self.panel, self.left, self.parts = panel, left, []
        points = [point for line in panel.lines for point in line.points]
        self.x_low, self.x_high = min(p.x for p in points), max(p.x for p in points)
        self.y_low = 0 if panel.from_zero else min(p.low for p in points) / 1.3
        self.y_high = max(p.high for p in points) * (1.1 if panel.from_zero else 1.3)
        self.right = left + panel.width - LABEL_WIDTH
        self.bottom = panel.height - MARGIN_BOTTOM

    def x(self, value):
        span = math.log(self.x_high / self.x_low) or 1
        return self.left + MARGIN_LEFT + math.log(value / self.x_low) / span * (self.right - self.left - MARGIN_LEFT)

    def y(self, value):
        if self.panel.from_zero:
            part = value / self.y_high
        else:
            part = math.log(value / self.y_low) / math.log(self.y_high / self.y_low)
        return self.bottom - part * (self.bottom - MARGIN_TOP)

    def text(self, x, y, words, anchor="start", style=""):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{style}>{escape(words)}</text>')

    def grid_line(self, x1, y1, x2, y2):
        self.parts.append(f'<line class="grid" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>')

    def axes(self):
        self.text(self.left + 8, 18, self.panel.title, style=' class="title"')
        for tick in linear_ticks(self.y_high) if self.panel.from_zero else ticks(self.y_low, self.y_high):
            self.grid_line(self.left + MARGIN_LEFT, self.y(tick), self.right, self.y(tick))
            self.text(self.left + MARGIN_LEFT - 6, self.y(tick) + 4, f"{tick:g} {self.panel.unit}", "end")
        for size in sorted({point.x for line in self.panel.lines for point in line.points}):
            self.grid_line(self.x(size), MARGIN_TOP, self.x(size), self.bottom)
            self.text(self.x(size), self.bottom + 16, size_label(size), "middle")
        middle = (self.left + MARGIN_LEFT + self.right) / 2
        self.text(middle, self.bottom + 33, "size of the database", "middle")

    def draw_line(self, line):
        """The line, its points, and where rounds differ how far they do."""
        path = " ".join(f"{self.x(p.x):.1f},{self.y(p.y):.1f}" for p in line.points)
        style = f"line c{line.colour}" + (" limit" if line.is_limit else "")
        self.parts.append(f'<polyline class="{style}" points="{path}"/>')
        for point in line.points:
            x = self.x(point.x)
            if point.low < point.high:
                self.parts.append(f'<path class="spread c{line.colour}" d="M{x - 4:.1f} {self.y(point.low):.1f}h8m-4 0'
                                  f'V{self.y(point.high):.1f}m-4 0h8"/>')
            if not line.is_limit:
                self.parts.append(f'<circle class="f{line.colour}" cx="{x:.1f}" cy="{self.y(point.y):.1f}" r="3"/>')

    def draw(self):
        self.axes()
        lines = [line for line in self.panel.lines if line.points]
        places = spread_labels([self.y(line.points[-1].y) for line in lines], MARGIN_TOP, self.bottom)
        for line, place in zip(lines, places):
            end = line.points[-1]
            self.parts.append(f'<path class="line leader c{line.colour}" d="M{self.x(end.x) + 4:.1f} {self.y(end.y):.1f}'
                              f'L{self.right + 12:.1f} {place:.1f}"/>')
            self.draw_line(line)
            self.text(self.right + 15, place + 4, line.name, style=f' class="label f{line.colour}"')
        return self.parts


def svg(panels):
    """The panels side by side, but for those without lines."""
    panels = [panel for panel in panels if panel.lines]
    width, height = sum(panel.width for panel in panels), max((panel.height for panel in panels), default=0)
    parts, left = [], 0
    for panel in panels:
        parts += Drawing(panel, left).draw()
        left += panel.width
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
                      f' height="{height}" role="img">', f"<style>{STYLE}</style>", *parts, "</svg>", ""])
