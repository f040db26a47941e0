"""The tables of a run."""

MB = 1e6

HEAD = ("step", "what", "median s", "min - max", "x limit", "rows/s", "CPU s", "server CPU s", "CPU x parts", "RSS MB",
        "WAL MB", "file MB")


def table(steps, results):
    """Lines of a Markdown table; steps that were not measured are left out."""
    lines = row(HEAD) + row("---" if i < 2 else "---:" for i in range(len(HEAD)))
    for step in steps:
        if results.has(step.name):
            lines += row(cells(step, results))
    return lines


def row(values):
    return ["| " + " | ".join(values) + " |"]


def cells(step, results):
    low, high = results.spread(step.name)
    ratio = results.ratio(step.name, step.limit) if step.limit else None
    return (step.name, step.about, f"{results.median(step.name):.2f}",
            f"{low:.2f} - {high:.2f}" if len(results.samples(step.name)) > 1 else "once",
            number(ratio, "{:.2f}"), number(results.median(step.name, "rate"), "{:,.0f}"),
            f"{results.median(step.name, 'cpu_seconds'):.2f}",
            number(results.median(step.name, "server_cpu_seconds"), "{:.2f}"),
            number(results.cpu_ratio(step), "{:.2f}"), f"{results.peak(step.name) / MB:.0f}",
            number(results.median(step.name, "wal_bytes") / MB, "{:.0f}"),
            number(results.median(step.name, "file_bytes") / MB, "{:.1f}"))


def number(value, fmt):
    return fmt.format(value) if value else ""


def size_text(size):
    """64 MB, 4.3 GB."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / MB:.0f} MB"


def sizes_table(steps, all_results, cell):
    """One line for each step that was measured at two sizes or more, a column for each size: cell(step, results)."""
    names = [step for step in steps if sum(results.has(step.name) for results in all_results) > 1]
    lines = row(["step", *(size_text(results.database_bytes) for results in all_results)])
    lines += row("---:" if i else "---" for i in range(len(all_results) + 1))
    for step in names:
        lines += row([step.name, *(cell(step, results) if results.has(step.name) else "" for results in all_results)])
    return lines


def seconds_and_ratio(step, results):
    ratio = results.ratio(step.name, step.limit) if step.limit else None
    return f"{results.median(step.name):.2f} s" + (f", {ratio:.2f} x limit" if ratio else "")


def peak_memory(step, results):
    return f"{results.peak(step.name) / MB:.0f} MB"
