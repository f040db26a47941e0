#include "doctor/look_schema.h"

#include "base/owned.h"

#include <string.h>

/* --- indexes -------------------------------------------------------------------- */

static void put_index(struct patient *patient, const struct connection_rows *rows, size_t row)
{
    const char *schema = patient_text(patient, rows, row, 0);
    const char *name = patient_text(patient, rows, row, 1);
    const char *index = patient_qualified(patient, schema, name);
    bool is_unique = connection_rows_boolean(rows, row, 3);
    bool is_leftover = connection_rows_boolean(rows, row, 5);
    struct finding *finding =
        finding_add(patient->findings, is_unique ? FINDING_ERROR : FINDING_WARNING, "index-invalid",
            "index %s of table %s is invalid", index,
            patient_qualified(patient, schema, patient_text(patient, rows, row, 2)));

    finding->why =
        "Its building failed or was stopped. Queries do not use it, writes still pay for "
        "it, and a unique one does not keep all duplicates out.";
    if (is_leftover) {
        finding_mend(patient->findings, finding, FINDING_WORDS,
            "REINDEX CONCURRENTLY left it behind; the index that is in use is another one");
        finding_mend(patient->findings, finding, FINDING_SQL, "DROP INDEX %s;", index);
        return;
    }
    if (connection_rows_boolean(rows, row, 6)) {
        finding_mend(patient->findings, finding, FINDING_WORDS,
            "it is of a partitioned table: every partition needs an index that is attached to it "
            "(CREATE INDEX on the partition, ALTER INDEX %s ATTACH PARTITION ...)",
            index);
        return;
    }
    finding_mend(patient->findings, finding, FINDING_SQL, "REINDEX INDEX %s;", index);
    finding_mend(patient->findings, finding, FINDING_WORDS,
        "that blocks writes; without blocking: drop it and create it again with CONCURRENTLY: %s",
        patient_text(patient, rows, row, 4));
}

static bool look_indexes(struct patient *patient, struct error *err)
{
    static const char sql[] =
        "SELECT n.nspname, c.relname, t.relname, x.indisunique, pg_get_indexdef(c.oid),"
        " c.relname ~ '_cc(new|old)[0-9]*$', c.relkind = 'I'"
        " FROM pg_index AS x JOIN pg_class AS c ON c.oid = x.indexrelid"
        " JOIN pg_class AS t ON t.oid = x.indrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE NOT (x.indisvalid AND x.indisready) AND" PATIENT_SCHEMAS "ORDER BY 1, 2";
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (!patient_query(patient, sql, NULL, &rows, err))
        return false;
    if (rows.row_count == 0)
        patient_well(patient, "index-invalid", "all indexes are valid");
    for (size_t i = 0; i < rows.row_count; i++)
        put_index(patient, &rows, i);
    return true;
}

/* --- constraints ------------------------------------------------------------------ */

static bool look_constraints(struct patient *patient, struct error *err)
{
    const char *sql = patient_format(patient,
        "SELECT n.nspname, t.relname, c.conname, c.contype = 'f'"
        " FROM pg_constraint AS c JOIN pg_class AS t ON t.oid = c.conrelid"
        " JOIN pg_namespace AS n ON n.oid = t.relnamespace"
        " WHERE NOT c.convalidated %s AND" PATIENT_SCHEMAS "ORDER BY 1, 2, 3",
        patient_since(patient, 180000, "AND c.conenforced", ""));
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (!patient_query(patient, sql, NULL, &rows, err))
        return false;
    if (rows.row_count == 0)
        patient_well(patient, "constraint-not-valid", "all constraints are validated");
    for (size_t i = 0; i < rows.row_count; i++) {
        const char *table = patient_qualified(
            patient, patient_text(patient, &rows, i, 0), patient_text(patient, &rows, i, 1));
        const char *name = patient_name(patient, patient_text(patient, &rows, i, 2));
        struct finding *finding = finding_add(patient->findings, FINDING_NOTICE,
            "constraint-not-valid", "constraint %s of table %s is NOT VALID", name, table);

        finding->why = "It holds for new rows; the old ones were never checked. Some applications "
                       "mean it so (Synapse leaves three foreign keys like that).";
        finding_mend(patient->findings, finding, FINDING_SQL,
            "ALTER TABLE %s VALIDATE CONSTRAINT %s;", table, name);
    }
    return true;
}

/* --- tables ------------------------------------------------------------------------ */

/* An application may want it for what need not survive, as for its locks. */
static bool is_meant(const struct patient *patient, const char *table)
{
    const struct profile_table *rule = profile_table(&patient->profile, table);

    return rule != NULL && rule->action == PROFILE_EMPTY;
}

static bool look_unlogged(struct patient *patient, struct error *err)
{
    static const char sql[] =
        "SELECT n.nspname, c.relname FROM pg_class AS c"
        " JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE c.relpersistence = 'u' AND c.relkind IN ('r', 'p') AND" PATIENT_SCHEMAS
        "ORDER BY 1, 2";
    OWNED(connection_rows) struct connection_rows rows = {0};
    size_t before = patient->findings->count;

    if (!patient_query(patient, sql, NULL, &rows, err))
        return false;
    for (size_t i = 0; i < rows.row_count; i++) {
        const char *name = patient_text(patient, &rows, i, 1);
        const char *table = patient_qualified(patient, patient_text(patient, &rows, i, 0), name);
        struct finding *finding;

        if (is_meant(patient, name))
            continue;
        finding = finding_add(
            patient->findings, FINDING_WARNING, "table-unlogged", "table %s is UNLOGGED", table);
        finding->why = "A crash of the server empties it, and it is not on standby servers.";
        finding_mend(patient->findings, finding, FINDING_SQL, "ALTER TABLE %s SET LOGGED;", table);
    }
    if (patient->findings->count == before)
        patient_well(patient, "table-unlogged", "none that is not meant so");
    return true;
}

/* --- triggers --------------------------------------------------------------------------- */

static void put_trigger(struct patient *patient, const struct connection_rows *rows, size_t row)
{
    const char *table = patient_qualified(
        patient, patient_text(patient, rows, row, 0), patient_text(patient, rows, row, 1));
    const char *constraint = connection_rows_text(rows, row, 3);
    struct finding *finding;

    if (constraint == NULL) {
        const char *name = patient_name(patient, patient_text(patient, rows, row, 2));

        finding = finding_add(patient->findings, FINDING_WARNING, "trigger-disabled",
            "trigger %s of table %s is disabled", name, table);
        finding->why = "What it checks or keeps up to date is neither checked nor kept.";
        finding_mend(patient->findings, finding, FINDING_SQL, "ALTER TABLE %s ENABLE TRIGGER %s;",
            table, name);
        return;
    }
    finding = finding_add(patient->findings, FINDING_ERROR, "trigger-disabled",
        "the triggers of foreign key %s on table %s are disabled",
        patient_name(patient, patient_text(patient, rows, row, 3)), table);
    finding->why = "The foreign key is not enforced: rows that refer to nothing may be there.";
    finding_mend(patient->findings, finding, FINDING_WORDS, "as a superuser:");
    finding_mend(
        patient->findings, finding, FINDING_SQL, "ALTER TABLE %s ENABLE TRIGGER ALL;", table);
    finding_mend(patient->findings, finding, FINDING_WORDS,
        "then have it checked: drop the foreign key and add it again");
}

static bool look_triggers(struct patient *patient, struct error *err)
{
    static const char sql[] =
        "SELECT DISTINCT n.nspname, t.relname, CASE WHEN g.tgisinternal THEN '' ELSE g.tgname END,"
        " c.conname"
        " FROM pg_trigger AS g JOIN pg_class AS t ON t.oid = g.tgrelid"
        " JOIN pg_namespace AS n ON n.oid = t.relnamespace"
        " LEFT JOIN pg_constraint AS c ON c.oid = g.tgconstraint AND g.tgisinternal"
        " WHERE g.tgenabled = 'D' AND" PATIENT_SCHEMAS "ORDER BY 1, 2, 3, 4";
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (!patient_query(patient, sql, NULL, &rows, err))
        return false;
    if (rows.row_count == 0)
        patient_well(patient, "trigger-disabled", "all triggers are enabled");
    for (size_t i = 0; i < rows.row_count; i++)
        put_trigger(patient, &rows, i);
    return true;
}

bool look_schema(struct patient *patient, struct error *err)
{
    return look_indexes(patient, err) && look_constraints(patient, err)
           && look_unlogged(patient, err) && look_triggers(patient, err);
}
