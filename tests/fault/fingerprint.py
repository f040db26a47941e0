"""All that a database holds, as texts that can be compared."""
from __future__ import annotations

import difflib

from server import Server

TABLES = """
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('valise', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%' ORDER BY 1
"""
SEQUENCES = "SELECT quote_ident(schemaname) || '.' || quote_ident(sequencename) FROM pg_sequences WHERE schemaname <> 'valise' ORDER BY 1"

# Sums of two hashes: of a multiset, without sorting it.
ROWS = """SELECT '{label}', count(*), sum(hashtextextended(x.t, 0)::numeric)::text, sum(hashtextextended(x.t, 1)::numeric)::text
 FROM (SELECT t::text AS t FROM {name} t OFFSET 0) x"""
VALUE = "SELECT '{label}', last_value, is_called FROM {name}"

# What pg_dump does not tell.
FACTS = """
SELECT 'constraint ' || conrelid::regclass || ' ' || conname || ' validated ' || convalidated || ' index ' || conindid::regclass
  FROM pg_constraint WHERE connamespace <> 'valise'::regnamespace AND connamespace <> 'pg_catalog'::regnamespace
       AND conrelid <> 0
UNION ALL
SELECT 'index ' || indexrelid::regclass || ' of ' || pg_get_userbyid(c.relowner) || ' valid ' || indisvalid || ' ready ' || indisready
       || ' live ' || indislive || ' clustered ' || indisclustered || ' identity ' || indisreplident
  FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE c.relnamespace = 'public'::regnamespace
UNION ALL
SELECT 'table ' || oid::regclass || ' of ' || pg_get_userbyid(relowner) || ' kind ' || relpersistence::text || ' identity ' || relreplident::text
       || ' triggers ' || relhastriggers FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S')
UNION ALL
SELECT 'trigger ' || tgrelid::regclass || ' ' || tgname || ' enabled ' || tgenabled::text FROM pg_trigger WHERE NOT tgisinternal
UNION ALL
SELECT 'key trigger ' || tgrelid::regclass || ' enabled ' || tgenabled::text || ' ' || count(*) FROM pg_trigger WHERE tgisinternal
 GROUP BY tgrelid, tgenabled
"""
LEDGER = """
SELECT 'ledger: phase ' || string_agg(phase, ', ' ORDER BY id) || ', ' || count(finished) || ' finished' FROM valise.replay
UNION ALL SELECT 'ledger: ' || table_name || ' part ' || number || ' ' || row_count || ' ' || sum_low || ' ' || sum_high FROM valise.part
UNION ALL SELECT 'ledger: ' || count(*) || ' tables' FROM pg_class WHERE relnamespace = 'valise'::regnamespace AND relkind = 'r'
"""


def fingerprint(server: Server, name: str) -> list[str]:
    """Rows as multisets, sequences, constraints, owners, the schema's text; the ledger too, if there is one."""
    lines = []
    with server.connect(name) as cursor:
        cursor.execute("SELECT to_regnamespace('valise') IS NOT NULL")
        has_ledger = cursor.fetchone()[0]
        for kind, names, sums in (("rows", TABLES, ROWS), ("sequence", SEQUENCES, VALUE)):
            cursor.execute(names)
            if found := [name for (name,) in cursor.fetchall()]:
                cursor.execute(" UNION ALL ".join(sums.format(name=name, label=name.replace("'", "''")) for name in found))
                lines += [f"{kind} {row}" for row in cursor.fetchall()]
        facts = FACTS if has_ledger else FACTS.replace("connamespace <> 'valise'::regnamespace AND ", "")
        cursor.execute(facts)
        lines += sorted(line for (line,) in cursor.fetchall())
        if has_ledger:
            cursor.execute(LEDGER)
            lines += sorted(line for (line,) in cursor.fetchall())
    return lines + server.schema(name).splitlines()


def differences(expected: list[str], found: list[str]) -> list[str]:
    """One line for each that is only on one side."""
    return [line for line in difflib.unified_diff(expected, found, "undisturbed", "disturbed", n=0, lineterm="")]
