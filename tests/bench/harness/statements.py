"""What the statements of a program took, by the server's log: how much of it was work, and how much bookkeeping."""

import re
from pathlib import Path

from .server import sql

# Makes a session log every statement with its duration; only a superuser's can.
SETTING = "-c log_min_duration_statement=0"
ENTRY = re.compile(r"duration: ([0-9.]+) ms(.*?)(?=\n\d{4}-\d\d-\d\d \d\d:|\Z)", re.DOTALL)
# Rows, indexes and statistics. What is not among these is of no use to the target.
WORK = re.compile(r"\b(COPY|ANALYZE|CREATE (UNIQUE )?INDEX|ADD CONSTRAINT|VALIDATE CONSTRAINT)\b")


def log_path():
    """with_postgres.sh has the log beside the data."""
    return Path(sql("SHOW data_directory")).parent / "log"


def summary(text):
    """Of a piece of the log: how many statements, their seconds altogether, and those that were work."""
    entries = [(float(found[1]) / 1000, found[2]) for found in ENTRY.finditer(text)]
    return {"statements": len(entries), "statement_seconds": sum(seconds for seconds, _ in entries),
            "work_seconds": sum(seconds for seconds, words in entries if WORK.search(words))}


def watch(function):
    """Runs function, which returns the Sample of a program that has SETTING, and adds the summary to its facts."""
    path = log_path()
    begin = path.stat().st_size
    sample = function()
    with open(path, encoding="utf-8", errors="replace") as file:
        file.seek(begin)
        sample.facts |= summary(file.read())
    return sample


def share_of_bookkeeping(sample):
    """In percent."""
    return 100 * (1 - sample.facts["work_seconds"] / sample.facts["statement_seconds"])
