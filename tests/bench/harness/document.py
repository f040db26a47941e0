"""docs/benchmarks.md and its plots, from what was measured."""

import datetime
import statistics
from pathlib import Path

from . import goals, report
from .plot import Line, Panel, Point, svg

MB = 1e6
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
PLOTS = {"time": "benchmarks-time.svg", "memory": "benchmarks-memory.svg"}


def point(results, rounds):
    """rounds is the value in each round."""
    return Point(results.database_bytes, statistics.median(rounds), min(rounds), max(rounds))


def seconds_line(all_results, label, colour, *names, is_limit=False):
    """The sum of the named steps."""
    points = [point(results, results.sums(*names)) for results in all_results if results.sums(*names)]
    return Line(label, points, colour, is_limit)


def memory_line(all_results, label, colour, name):
    points = [point(results, [results.peak(name) / MB]) for results in all_results if results.has(name)]
    return Line(label, points, colour)


def bound_line(all_results, label, colour, bound):
    return Line(label, [point(results, [bound]) for results in all_results], colour, is_limit=True)


def panel(title, unit, lines, **options):
    return Panel(title, unit, [line for line in lines if line.points], **options)


def time_panels(all_results, jobs):
    """Time against size: packing on the left, loading on the right."""
    best = f"replay j{jobs} full"
    return [
        panel("Packing: SQLite to a file", "s", [
            seconds_line(all_results, "sqlite3 .dump | zstd", 4, "peer .dump"),
            seconds_line(all_results, "sqldiff", 3, "peer sqldiff"),
            seconds_line(all_results, "valise-dump", 0, "dump L3"),
            seconds_line(all_results, "delta dump", 1, "delta dump"),
            seconds_line(all_results, "scan alone", 5, "scan columns", is_limit=True)]),
        panel("Loading: a file into PostgreSQL", "s", [
            seconds_line(all_results, "pgloader", 4, "peer pgloader"),
            seconds_line(all_results, "csv, \\copy, indexes", 3, "peer csv"),
            seconds_line(all_results, "valise-replay, verified", 0, best),
            seconds_line(all_results, "delta replay, verified", 1, "delta replay"),
            seconds_line(all_results, "valise restore (SQLite)", 2, "restore"),
            seconds_line(all_results, "COPY + indexes alone", 5, f"load j{jobs}", f"index j{jobs}", is_limit=True)]),
    ]


def memory_panels(all_results, jobs):
    lines = [memory_line(all_results, label, colour, name) for label, colour, name in (
        ("valise-dump", 0, "dump L3"), ("delta dump", 1, "delta dump"), ("squash", 2, "squash"),
        ("valise-replay", 3, f"replay j{jobs} full"), ("restore", 4, "restore"))]
    lines.append(bound_line(all_results, "goal of all but replay", 5, goals.MEMORY_MAX / MB))
    return [panel("Peak memory of the largest process", "MB", lines, from_zero=True, height=280)]


def measured(run):
    """The measured part of the document: lines of Markdown. run is a Run of tools/bench."""
    main = run.main
    facts = run.facts
    lines = [
        f"Measured on {datetime.date.today()} by `{run.command}`: {facts['cores']} cores of {facts['cpu']}, Linux"
        f" {facts['kernel']}, PostgreSQL {facts['postgresql']}, everything on one disk and in the page cache, Valise"
        f" {facts['commit']}. The tables are for a database of {report.size_text(main.database_bytes)} with"
        f" {main.row_count:,} rows where they do not say otherwise.", "",
        f"![Time against size]({PLOTS['time']})", ""]
    if len(run.all_results) > 1:
        lines += ["Dashed: the limit, measured in the same run. Both axes are logarithmic: a straight line of this slope is"
                  " cost that grows with the size and no faster. Bars reach from the fastest to the slowest round.", "",
                  f"![Peak memory against size]({PLOTS['memory']})", ""]
    lines += ["## Goals", "", "```", *goals.show(run.goals), *(f"unknown {text}" for text in run.unknown), "```", ""]
    lines += ["## Every step", "", *report.table(run.steps, main), ""]
    if main.missing:
        lines += ["Not measured: " + "; ".join(f"{name}: {why}" for name, why in sorted(main.missing.items())) + ".", ""]
    if len(run.all_results) > 1:
        lines += ["## Every size", "", *report.sizes_table(run.steps, run.all_results, report.seconds_and_ratio), "",
                  "Peak memory:", "", *report.sizes_table(
                      [s for s in run.steps if s.kind == "ours"], run.all_results, report.peak_memory), ""]
    return lines


def write(run, folder):
    """Writes the plots, and replaces the measured part of benchmarks.md."""
    folder = Path(folder)
    path = folder / "benchmarks.md"
    before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise RuntimeError(f"{path} lacks the lines {BEGIN} and {END}")
    (folder / PLOTS["time"]).write_text(svg(time_panels(run.all_results, run.jobs)), encoding="utf-8")
    (folder / PLOTS["memory"]).write_text(svg(memory_panels(run.all_results, run.jobs)), encoding="utf-8")
    text = "\n".join(["", "", *measured(run)])
    path.write_text(before + BEGIN + text + END + after, encoding="utf-8")
