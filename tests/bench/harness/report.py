"""The table of a run, its ratios, and which goals are met."""

import json
import statistics
from dataclasses import asdict

from .measure import median, spread

MB = 1e6


def ratio(results, name, limit):
    """Median of the ratios of each round: seconds of a step against limit(round)."""
    ratios = [sample.seconds / limit(number) for number, sample in enumerate(results[name])]
    return statistics.median(ratios)


def limit_of(results, name, jobs):
    """A function from a round's number to the seconds that the step is compared with, or None."""
    def seconds(step, number):
        return results[step][number].seconds

    if name.startswith(("dump", "delta", "peer .dump", "peer sqldiff")):
        return lambda number: seconds("scan columns", number)
    if name.startswith("replay"):
        count = name.split()[1]
        return lambda number: seconds(f"load {count}", number) + seconds(f"index {count}", number)
    if name.startswith("peer "):
        return lambda number: seconds(f"load j{jobs}", number) + seconds(f"index j{jobs}", number)
    return None


PARTS = {"dump L1": ("scan sink", "zstd L1"), "dump L3": ("scan sink", "zstd L3"), "delta": ("scan sink",)}


def parts_of(name):
    """The limits whose work a step cannot do without; its CPU time is compared with theirs."""
    if name.startswith("replay"):
        how = name.split()
        return [f"{limit} {how[1]}" for limit in ("load", "index", "analyze")
                + (("read back",) if how[2] == "full" else ())]
    return PARTS.get(name, ())


def cpu_ratio(results, name):
    """CPU of a step, of server and client, against that of its parts: tells little of waiting, but holds when
    other programs slow the machine down."""
    def cpu(step):
        return median(results[step], "cpu_seconds") + median(results[step], "server_cpu_seconds")

    parts = parts_of(name)
    return cpu(name) / sum(cpu(part) for part in parts) if parts else None


def table(steps, results, jobs):
    """Lines of a Markdown table."""
    lines = ["| step | what | median s | min - max | x limit | CPU s | server CPU s | CPU x parts | RSS MB |"
             " WAL MB | file MB |",
             "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"]
    for step in steps:
        samples = results[step.name]
        low, high = spread(samples)
        limit = None if step.is_limit else limit_of(results, step.name, jobs)
        against = f"{ratio(results, step.name, limit):.2f}" if limit else ""
        cells = [step.name, step.about, f"{median(samples):.2f}", f"{low:.2f} - {high:.2f}", against,
                 f"{median(samples, 'cpu_seconds'):.2f}", number(median(samples, "server_cpu_seconds"), "{:.2f}"),
                 number(cpu_ratio(results, step.name), "{:.2f}"),
                 f"{max(sample.rss_bytes for sample in samples) / MB:.0f}",
                 number(median(samples, "wal_bytes") / MB, "{:.0f}"),
                 number(median(samples, "file_bytes") / MB, "{:.1f}")]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def number(value, fmt):
    return fmt.format(value) if value else ""


# --- goals -------------------------------------------------------------------------------------


def goal(text, value, most, unit=""):
    return {"goal": text, "value": value, "most": most, "unit": unit, "met": value <= most}


def dump_goals(results, cores):
    goals = []
    for level in (1, 3):
        name = f"dump L{level}"
        if name not in results:
            continue

        def bound(number, level=level):
            return max(results["scan columns"][number].seconds, results[f"zstd L{level}"][number].seconds / cores)

        goals.append(goal(f"{name} / scan columns", ratio(results, name, limit_of(results, name, 0)), 1.5))
        goals.append(goal(f"{name} / max(scan columns, zstd / {cores} cores)", ratio(results, name, bound), 1.25))
        goals.append(goal(f"{name} peak memory", max(s.rss_bytes for s in results[name]) / MB, 100, " MB"))
        if "peer .dump" in results:
            goals.append(goal(f"{name} / (.dump | zstd)",
                              ratio(results, name, lambda n: results["peer .dump"][n].seconds), 0.25))
            goals.append(goal(f"{name} file / (.dump | zstd) file",
                              results[name][0].file_bytes / results["peer .dump"][0].file_bytes, 1))
    if "delta" in results:
        goals.append(goal("delta / scan columns", ratio(results, "delta", limit_of(results, "delta", 0)), 1.25))
        goals.append(goal("delta peak memory", max(s.rss_bytes for s in results["delta"]) / MB, 100, " MB"))
    if "restore" in results:
        fill = lambda n: results["fill SQLite"][n].seconds      # noqa: E731
        goals.append(goal("restore / fill SQLite", ratio(results, "restore", fill), 1.2))
    for name in ("squash", "restore"):
        if name in results:
            goals.append(goal(f"{name} peak memory", max(s.rss_bytes for s in results[name]) / MB, 100, " MB"))
    return goals


def replay_goals(results, jobs):
    goals = []
    for count in sorted({1, jobs}):
        name = f"replay j{count} none"
        if name not in results:
            continue
        limit = limit_of(results, name, jobs)
        full = f"replay j{count} full"
        rss = max(s.rss_bytes for s in results[name] + results[full]) / MB
        goals.append(goal(f"{name} / (COPY + indexes)", ratio(results, name, limit), 1.4))
        goals.append(goal(f"{name} / (COPY + indexes), later goal", ratio(results, name, limit), 1.15))
        goals.append(goal(f"{full} / {name}", ratio(results, full, lambda n, b=name: results[b][n].seconds), 1.25))
        goals.append(goal(f"replay j{count} peak memory", rss, 200, " MB"))
    best = f"replay j{jobs} full"
    for peer, most in (("peer csv", 0.5), ("peer pgloader", 0.2)):
        if peer in results and best in results:
            goals.append(goal(f"{best} / {peer}", ratio(results, best, lambda n, p=peer: results[p][n].seconds), most))
    return goals


def show_goals(goals):
    return [f"{'met   ' if g['met'] else 'MISSED'}  {g['goal']}: {g['value']:.2f}{g['unit']}"
            f" (at most {g['most']:g}{g['unit']})" for g in goals]


def write_json(path, facts, results, goals):
    """Everything measured, for plots and for comparing runs."""
    steps = {name: [asdict(sample) for sample in samples] for name, samples in results.items()}
    with open(path, "w", encoding="utf-8") as file:
        json.dump({**facts, "steps": steps, "goals": goals}, file, indent=1)
        file.write("\n")
