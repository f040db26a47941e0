"""What Valise wants to reach, and whether it did."""

import statistics

from . import statements
from .file_steps import dump_limit, squash_limit
from .results import total

MB = 1e6
MIB = 1 << 20
MEMORY_MAX = 100 * MB           # of every program; a replay may take CONNECTION_MAX more for each connection
CONNECTION_MAX = 32 * MIB


def goal(text, value, bound, unit="", at_least=False):
    is_met = value >= bound if at_least else value <= bound
    return {"goal": text, "value": value, "bound": bound, "unit": unit, "at_least": at_least, "met": is_met}


class Goals:
    """Adds a goal only where all that it needs was measured; says of the others why not."""

    def __init__(self, results):
        self.results = results
        self.found = []
        self.unknown = []

    def add(self, text, names, value, bound, **options):
        """value() is computed from the named steps."""
        if self.results.has(*names):
            self.found.append(goal(text, value(), bound, **options))
        else:
            self.unknown.append(f"{text}: {', '.join(n for n in names if not self.results.has(n))} not measured")

    def faster(self, name, peer, times):
        """name is to take at most 1 / times of the peer's time."""
        self.add(f"{peer.removeprefix('peer ')} / {name}", (name, peer), lambda: 1 / self.results.against(name, peer), times,
                 unit=" times", at_least=True)


def of_dumps(goals, cores):
    results = goals.results
    for level in (1, 3):
        name = f"dump L{level}"
        goals.add(f"{name} / max(scan columns, zstd / {cores} cores)", (name, f"zstd L{level}", "scan columns"),
                  lambda n=name, i=level: results.ratio(n, dump_limit(i, cores)), 1.25)
        goals.add(f"{name} peak memory", (name,), lambda n=name: results.peak(n) / MB, MEMORY_MAX / MB,
                  unit=" MB")
        goals.faster(name, "peer .dump", 4)
        goals.add(f"{name} file / (.dump | zstd -3) file", (name, "peer .dump"), lambda n=name:
                  results.median(n, "file_bytes") / results.median("peer .dump", "file_bytes"), 1)
    goals.add("delta dump / scan columns", ("delta dump", "scan columns"),
              lambda: results.ratio("delta dump", total("scan columns")), 1.25)
    goals.add("delta dump peak memory", ("delta dump",), lambda: results.peak("delta dump") / MB, MEMORY_MAX / MB,
              unit=" MB")
    goals.add(f"squash / (zstd of what it reads and makes / {cores} cores)", ("squash", "zstd squash"),
              lambda: results.ratio("squash", squash_limit(cores)), 1.25)
    goals.add(f"squash / (zstd L3 of all / {cores} cores)", ("squash", "zstd L3"),
              lambda: results.ratio("squash", lambda s: s["zstd L3"].seconds / cores), 1.25)
    goals.add("restore / fill SQLite", ("restore", "fill SQLite"), lambda: results.against("restore", "fill SQLite"), 1.2)
    for name in ("squash", "restore"):
        goals.add(f"{name} peak memory", (name,), lambda n=name: results.peak(n) / MB, MEMORY_MAX / MB, unit=" MB")


def of_replays(goals, jobs):
    results = goals.results
    for count in sorted({1, jobs}):
        none, full = f"replay j{count} none", f"replay j{count} full"
        limits = (f"load j{count}", f"index j{count}")
        goals.add(f"{none} / (COPY + indexes)", (none, *limits), lambda n=none, names=limits:
                  results.ratio(n, total(*names)), 1.15)
        goals.add(f"{full} / {none}", (full, none), lambda a=full, b=none: results.against(a, b), 1.25)
        goals.add(f"replay j{count} peak memory", (full,), lambda n=full: results.peak(n) / MB,
                  (MEMORY_MAX + count * CONNECTION_MAX) / MB, unit=" MB")
    of_one_table(goals, jobs)
    goals.add("bookkeeping: statements but COPY, index builds, ANALYZE / all", ("statements",), lambda: statistics.median(
        map(statements.share_of_bookkeeping, results.samples("statements"))), 3, unit=" %")
    best = f"replay j{jobs} full"
    for peer, times in (("peer csv", 2), ("peer pgloader", 5)):
        goals.faster(best, peer, times)
    for what in ("keyed", "keyless"):
        goals.add(f"delta replay, {what} tables", (f"delta {what}",), lambda n=f"delta {what}": results.median(n, "rate"),
                  30_000, unit=" rows/s", at_least=True)


def of_one_table(goals, jobs):
    """One huge table uses all connections: its replay gains as much by them as COPY and the index build do."""
    results = goals.results
    limits = {count: (f"table load j{count}", f"table index j{count}") for count in (1, jobs)}
    goals.add(f"one table alone, replay j{jobs} / (COPY + index)", (f"table replay j{jobs}", *limits[jobs]),
              lambda: results.ratio(f"table replay j{jobs}", total(*limits[jobs])), 1.15)
    goals.add(f"one table alone, gain by {jobs} connections / that of COPY + index",
              (*(f"table replay j{count}" for count in limits), *limits[1], *limits[jobs]),
              lambda: results.ratio("table replay j1", lambda s: s[f"table replay j{jobs}"].seconds
                                    * total(*limits[1])(s) / total(*limits[jobs])(s)), 0.9, at_least=True)


def of_synapse(goals):
    goals.add("replay of an empty homeserver, 170 tables", ("homeserver empty",),
              lambda: goals.results.median("homeserver empty"), 1, unit=" s")
    goals.faster("homeserver replay", "peer synapse_port_db", 50)


GROWING = ("dump L3", "delta dump", "squash", "restore")


def of_sizes(all_results, jobs):
    """Cost grows with the size and no faster, memory does not grow: the largest against one of at least 200 MB."""
    found = []
    small = next((results for results in all_results if results.database_bytes > 200 * MB), None)
    large = all_results[-1]
    if small is None or small is large:
        return found
    growth = large.database_bytes / small.database_bytes
    for name in (*GROWING, f"replay j{jobs} full", "delta replay"):
        if not (small.has(name) and large.has(name)):
            continue
        found.append(goal(f"{name}: seconds per byte at {large.database_bytes / MB:.0f} MB / at"
                          f" {small.database_bytes / MB:.0f} MB", large.median(name) / small.median(name) / growth, 1.25))
        found.append(goal(f"{name}: peak memory, likewise", large.peak(name) / small.peak(name), 1.25))
    return found


def show(goals):
    """A line for each."""
    return [f"{'met   ' if g['met'] else 'MISSED'}  {g['goal']}: {digits(g['value'])}{g['unit']}"
            f" (at {'least' if g['at_least'] else 'most'} {digits(g['bound'])}{g['unit']})" for g in goals]


def digits(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
