"""The phases of a replay, by the statements that its sessions execute."""
from __future__ import annotations

import re

RESTORE = r"(?:SET LOCAL [^;]*; *)?"
END = r"valise\.(?:table_state\b|mapping [^;]*; ?DELETE)"   # what is written when all is done
ALTER = r'ALTER (?:TABLE|INDEX) (?:ONLY )?(?:"(?:[^"]|"")*"|[^" ])+ '

# In the order in which a replay comes to them; the first that fits a statement is its phase.
PHASES = [
    ("trial", r'(?:COPY|; CREATE .*|; ALTER TABLE|CREATE TEMPORARY TABLE) ?(?:"pg_temp"\."|.*ON "pg_temp")'),
    ("derive", r".*\bvalise_staging\b"),
    ("take down", f"CREATE SCHEMA|CREATE TABLE(?! IF NOT EXISTS {END})|DELETE|"
                  r"INSERT INTO valise\.(?:replay|saved_)|DROP INDEX|TRUNCATE|"
                  f"{ALTER}(?:DROP CONSTRAINT|DISABLE (?:TRIGGER|RULE))"),
    ("load", r"COPY .* FROM STDIN"),
    ("record parts", r"INSERT INTO valise\.part "),
    ("indexes", f"{RESTORE}CREATE (?:UNIQUE )?INDEX"),
    ("constraints", f"{RESTORE}{ALTER}(?:ADD CONSTRAINT (?!.* FOREIGN KEY )|CLUSTER ON|REPLICA IDENTITY)"),
    ("foreign keys", f"{RESTORE}{ALTER}ADD CONSTRAINT .* FOREIGN KEY "),
    ("triggers", f"{RESTORE}{ALTER}ENABLE (?:ALWAYS |REPLICA )?(?:TRIGGER|RULE)"),
    ("analyse", "ANALYZE"),
    ("sequences", r"SELECT pg_catalog\.setval\(|SELECT max\(|SELECT -min\("),
    ("verify", r"COPY \(SELECT|SET TRANSACTION SNAPSHOT|SELECT pg_catalog\.pg_export_snapshot"),
    ("enter phase", r"(?:SET LOCAL [^;]*; *)?UPDATE valise\.replay|UPDATE valise\.saved_table|DROP TABLE|"
                    f"(?:CREATE TABLE IF NOT EXISTS|INSERT INTO) {END}"),
    ("commit", "COMMIT"),
    ("look", ""),
]
TARGETS = [name for name, _ in PHASES]
EXPRESSIONS = [(name, re.compile(expression, re.DOTALL)) for name, expression in PHASES]
SEEN = 4096   # characters at the beginning of a statement that say what it is


def phase_of(statement: str) -> str:
    return next(name for name, expression in EXPRESSIONS if expression.match(statement[:SEEN]))


def statement_in(message: bytes) -> str | None:
    """The SQL of a message "Query" or "Parse" of PostgreSQL's protocol; None: it is another one."""
    if message[:1] == b"Q":
        text = message[5:]
    elif message[:1] == b"P":
        text = message[5:].partition(b"\0")[2]
    else:
        return None
    return text.partition(b"\0")[0].decode(errors="replace")
