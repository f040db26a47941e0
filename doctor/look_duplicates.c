#include "doctor/look_duplicates.h"

#include "base/owned.h"
#include "postgres/connection_transaction.h"
#include "postgres/quote.h"

#include <inttypes.h>
#include <string.h>

#define TABLE_SIZE_MAX ((int64_t)1 << 30) /* bytes that are read without being asked */
#define KEYS_SHOWN 10                     /* of an index */
#define ROWS_SHOWN 20                     /* of a key */

/* A unique index to look behind. */
struct suspect {
    const char *table; /* "schema"."name", as SQL */
    const char *index;
    int64_t table_size;
    const char *predicate; /* of a partial index; "": all rows */
    bool nulls_are_equal;
    const char *keys; /* expressions, with commas */
    const char *not_null;
};

/* --- which ---------------------------------------------------------------------- */

/*
 * Unique indexes that order text by something that can change, as that is what breaks them; when
 * looking deep, all. Their key columns come as expressions.
 */
static bool read_suspects(struct patient *patient, struct connection_rows *rows, struct error *err)
{
    const char *count = patient_since(patient, 110000, "x.indnkeyatts", "x.indnatts");
    const char *suspicion = patient_format(patient,
        " AND EXISTS (SELECT 1 FROM unnest(x.indcollation::oid[]) AS u (oid)"
        "  JOIN pg_collation AS o ON o.oid = u.oid, pg_database AS d"
        "  WHERE d.datname = current_database() AND o.collname NOT IN ('C', 'POSIX')"
        "   AND (o.collname <> 'default' OR d.datcollate NOT IN ('C', 'POSIX') %s))",
        patient_since(patient, 150000, "OR d.datlocprovider = 'i'", ""));
    const char *sql = patient_format(patient,
        "SELECT n.nspname, t.relname, c.relname, pg_table_size(t.oid),"
        " pg_get_expr(x.indpred, x.indrelid), %s,"
        " (SELECT string_agg('(' || pg_get_indexdef(x.indexrelid, k, false) || ')', ', ' ORDER BY k)"
        "   FROM generate_series(1, %s) AS k),"
        " (SELECT string_agg('(' || pg_get_indexdef(x.indexrelid, k, false) || ') IS NOT NULL',"
        "   ' AND ' ORDER BY k) FROM generate_series(1, %s) AS k),"
        " has_table_privilege(t.oid, 'SELECT')"
        " FROM pg_index AS x JOIN pg_class AS c ON c.oid = x.indexrelid"
        " JOIN pg_class AS t ON t.oid = x.indrelid JOIN pg_namespace AS n ON n.oid = t.relnamespace"
        " JOIN pg_am AS m ON m.oid = c.relam"
        " WHERE x.indisunique AND m.amname = 'btree' AND t.relkind IN ('r', 'm') AND" PATIENT_SCHEMAS
        "%s ORDER BY pg_table_size(t.oid), 1, 2, 3",
        patient_since(patient, 150000, "x.indnullsnotdistinct", "false"), count, count,
        patient->is_deep ? "" : suspicion);

    return patient_query(patient, sql, NULL, rows, err);
}

static struct suspect suspect_at(
    const struct patient *patient, const struct connection_rows *rows, size_t row)
{
    const char *schema = patient_text(patient, rows, row, 0);

    return (struct suspect){
        .table = patient_qualified(patient, schema, patient_text(patient, rows, row, 1)),
        .index = patient_qualified(patient, schema, patient_text(patient, rows, row, 2)),
        .table_size = connection_rows_integer(rows, row, 3),
        .predicate = patient_text(patient, rows, row, 4),
        .nulls_are_equal = connection_rows_boolean(rows, row, 5),
        .keys = patient_text(patient, rows, row, 6),
        .not_null = patient_text(patient, rows, row, 7),
    };
}

/* What could not be searched is not well, but nothing worse is known. */
static void put_unseen(struct patient *patient, const char *table, const char *reason)
{
    (void)finding_add(patient->findings, FINDING_NOTICE, "duplicates-unknown",
        "table %s was not searched for duplicate rows: %s", table, reason);
}

/* --- behind one index ---------------------------------------------------------------- */

static const char *conditions(const struct patient *patient, const struct suspect *suspect)
{
    bool has_predicate = suspect->predicate[0] != '\0';

    if (suspect->nulls_are_equal && !has_predicate)
        return "";
    return patient_format(patient, " WHERE %s%s%s", has_predicate ? suspect->predicate : "",
        has_predicate && !suspect->nulls_are_equal ? " AND " : "",
        suspect->nulls_are_equal ? "" : suspect->not_null);
}

/* What to do about the rows of one key. */
static void put_rows(struct patient *patient, const struct suspect *suspect,
    const struct connection_rows *rows, size_t row, struct finding *finding)
{
    const char *others = patient_text(patient, rows, row, 3);
    struct finding_list *list = patient->findings;

    if (connection_rows_boolean(rows, row, 4)) {
        finding_mend(list, finding, FINDING_WORDS,
            "the rows of the key %s are equal in every column; keep the first:",
            patient_text(patient, rows, row, 0));
        finding_mend(list, finding, FINDING_SQL,
            "DELETE FROM ONLY %s WHERE ctid = ANY ('%s'::tid[]);", suspect->table, others);
        return;
    }
    finding_mend(list, finding, FINDING_WORDS,
        "the rows of the key %s differ; look at them, and delete those that must go (DELETE FROM "
        "ONLY %s WHERE ctid = ...):",
        patient_text(patient, rows, row, 0), suspect->table);
    finding_mend(list, finding, FINDING_SQL,
        "SELECT ctid, * FROM ONLY %s WHERE ctid = ANY ('%s'::tid[]);", suspect->table,
        patient_text(patient, rows, row, 2));
}

static void put_duplicates(
    struct patient *patient, const struct suspect *suspect, const struct connection_rows *rows)
{
    OWNED(byte_buffer) struct byte_buffer keys = {0};
    struct finding *finding;
    int64_t count = connection_rows_integer(rows, 0, 5);

    for (size_t i = 0; i < rows->row_count; i++) {
        quote_plain(&keys, i == 0 ? "" : ", ");
        quote_plain(&keys, patient_text(patient, rows, i, 0));
        quote_plain(&keys, " ");
        quote_plain(&keys, patient_text(patient, rows, i, 1));
        quote_plain(&keys, " times");
    }
    finding = finding_add(patient->findings, FINDING_ERROR, "duplicate-rows",
        "table %s: %" PRId64
        " keys occur more than once though the unique index %s forbids it: %s%s",
        suspect->table, count, suspect->index, quote_text(&keys),
        count > (int64_t)rows->row_count ? ", ..." : "");
    finding->why = "The index is damaged: it does not find all rows. It cannot be rebuilt, and the "
                   "table cannot be restored from a dump, until the duplicates are gone.";
    for (size_t i = 0; i < rows->row_count; i++)
        put_rows(patient, suspect, rows, i, finding);
    finding_mend(patient->findings, finding, FINDING_WORDS,
        "then rebuild the index, and look again with --deep:");
    finding_mend(patient->findings, finding, FINDING_SQL, "REINDEX INDEX %s;", suspect->index);
}

/* Reads the table itself, never by an index. */
static bool look_behind(struct patient *patient, const struct suspect *suspect, struct error *err)
{
    OWNED(connection_transaction) struct connection_transaction transaction = {0};
    OWNED(connection_rows) struct connection_rows rows = {0};
    const char *sql = patient_format(patient,
        "SELECT left(ROW(%s)::text, 200), count(*),"
        " (array_agg(ctid ORDER BY ctid))[1:%d]::text, (array_agg(ctid ORDER BY ctid))[2:%d]::text,"
        " count(DISTINCT (whole.*)::text) = 1, count(*) OVER ()"
        " FROM ONLY %s AS whole%s GROUP BY %s HAVING count(*) > 1 ORDER BY 2 DESC, 1 LIMIT %d",
        suspect->keys, ROWS_SHOWN, ROWS_SHOWN, suspect->table, conditions(patient, suspect),
        suspect->keys, KEYS_SHOWN);

    if (!connection_transaction_begin(&transaction, &patient->connection, NULL, err)
        || !connection_exec(&patient->connection,
            "SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off;"
            "SET LOCAL enable_bitmapscan = off",
            err)
        || !patient_query(patient, sql, NULL, &rows, err)
        || !connection_transaction_commit(&transaction, err))
        return false;
    if (rows.row_count > 0)
        put_duplicates(patient, suspect, &rows);
    return true;
}

bool look_duplicates(struct patient *patient, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};
    size_t before = patient->findings->count;

    if (!read_suspects(patient, &rows, err))
        return false;
    for (size_t i = 0; i < rows.row_count; i++) {
        struct suspect suspect = suspect_at(patient, &rows, i);

        if (!connection_rows_boolean(&rows, i, 8)) {
            put_unseen(patient, suspect.table, "the role may not read it");
        } else if (!patient->is_deep && suspect.table_size > TABLE_SIZE_MAX) {
            put_unseen(patient, suspect.table,
                patient_format(patient, "it has %s; valise doctor --deep does",
                    patient_size(patient, (uint64_t)suspect.table_size)));
        } else if (!look_behind(patient, &suspect, err)) {
            if (connection_is_lost(&patient->connection) || err->kind == ERROR_STOPPED)
                return false;
            put_unseen(patient, suspect.table, err->text);
        }
    }
    if (patient->findings->count == before)
        patient_well(patient, "duplicate-rows",
            patient->is_deep ? "no unique index hides any"
                             : "no unique index over text in a changing order hides any");
    return true;
}
