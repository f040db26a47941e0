#include "doctor/look_duplicates.h"

#include "base/owned.h"
#include "postgres/connection_transaction.h"
#include "postgres/quote.h"
#include "watch/progress_task.h"

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
    bool is_readable;
    const char *foreign; /* what it calls that is of a role which is not trusted; "": nothing */
};

/* --- which ---------------------------------------------------------------------- */

/*
 * SQL: what the expressions of index x call that belongs to neither a superuser nor the role
 * itself. It would run with the rights of whoever looks, which may be all.
 */
static const char foreign_sql[] =
    " (SELECT string_agg(DISTINCT u.what, ', ') FROM ("
    "   SELECT f.proowner, 'function ' || f.oid::regprocedure FROM pg_depend AS d"
    "    LEFT JOIN pg_operator AS o ON d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid"
    "    JOIN pg_proc AS f ON f.oid = CASE WHEN d.refclassid = 'pg_proc'::regclass"
    "     THEN d.refobjid ELSE o.oprcode END"
    "    WHERE d.classid = 'pg_class'::regclass AND d.objid = x.indexrelid"
    "   UNION SELECT y.typowner, 'type ' || format_type(y.oid, NULL) FROM pg_depend AS d"
    "    JOIN pg_type AS y ON y.oid = d.refobjid WHERE d.refclassid = 'pg_type'::regclass"
    "    AND d.classid = 'pg_class'::regclass AND d.objid = x.indexrelid"
    "  ) AS u (owner, what) JOIN pg_roles AS r ON r.oid = u.owner"
    "  WHERE NOT r.rolsuper AND r.rolname <> current_user)";

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
        " has_table_privilege(t.oid, 'SELECT'), %s"
        " FROM pg_index AS x JOIN pg_class AS c ON c.oid = x.indexrelid"
        " JOIN pg_class AS t ON t.oid = x.indrelid JOIN pg_namespace AS n ON n.oid = t.relnamespace"
        " JOIN pg_am AS m ON m.oid = c.relam"
        " WHERE x.indisunique AND m.amname = 'btree' AND t.relkind IN ('r', 'm') AND" PATIENT_SCHEMAS
        "%s ORDER BY pg_table_size(t.oid), 1, 2, 3",
        patient_since(patient, 150000, "x.indnullsnotdistinct", "false"), count, count, foreign_sql,
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
        .is_readable = connection_rows_boolean(rows, row, 8),
        .foreign = patient_text(patient, rows, row, 9),
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

/* How to see those keys too that are not shown. */
static void put_all_keys(
    struct patient *patient, const struct suspect *suspect, struct finding *finding)
{
    struct finding_list *list = patient->findings;

    finding_mend(list, finding, FINDING_WORDS, "all keys, in a session without indexes:");
    finding_mend(
        list, finding, FINDING_SQL, "SET enable_indexscan = off; SET enable_bitmapscan = off;");
    finding_mend(list, finding, FINDING_SQL, "SET enable_indexonlyscan = off;");
    finding_mend(list, finding, FINDING_SQL,
        "SELECT %s, count(*), array_agg(ctid) FROM ONLY %s%s GROUP BY %s HAVING count(*) > 1;",
        suspect->keys, suspect->table, conditions(patient, suspect), suspect->keys);
}

/* What to do about the rows of one key. */
static void put_rows(struct patient *patient, const struct suspect *suspect,
    const struct connection_rows *rows, size_t row, struct finding *finding)
{
    const char *others = patient_text(patient, rows, row, 3);
    struct finding_list *list = patient->findings;
    int64_t row_count = connection_rows_integer(rows, row, 1);
    const char *rest =
        row_count <= ROWS_SHOWN
            ? ""
            : patient_format(patient, "; these are %d of %" PRId64 " rows, so do it again after",
                ROWS_SHOWN, row_count);

    if (connection_rows_boolean(rows, row, 4)) {
        finding_mend(list, finding, FINDING_WORDS,
            "the rows of the key %s are equal in every column; keep the first%s:",
            patient_text(patient, rows, row, 0), rest);
        finding_mend(list, finding, FINDING_SQL,
            "DELETE FROM ONLY %s WHERE ctid = ANY ('%s'::tid[]);", suspect->table, others);
        return;
    }
    finding_mend(list, finding, FINDING_WORDS,
        "the rows of the key %s differ; look at them, and delete those that must go (DELETE FROM "
        "ONLY %s WHERE ctid = ...)%s:",
        patient_text(patient, rows, row, 0), suspect->table, rest);
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
        patient_and_more(patient, (uint64_t)count, rows->row_count));
    finding->why = "The index is damaged: it does not find all rows. It cannot be rebuilt, and the "
                   "table cannot be restored from a dump, until the duplicates are gone.";
    for (size_t i = 0; i < rows->row_count; i++)
        put_rows(patient, suspect, rows, i, finding);
    if (count > (int64_t)rows->row_count)
        put_all_keys(patient, suspect, finding);
    finding_mend(patient->findings, finding, FINDING_WORDS,
        "then rebuild the index, and look again with --deep:");
    finding_mend(patient->findings, finding, FINDING_SQL, "REINDEX INDEX %s;", suspect->index);
}

/* Almost always there are none; to see that takes a fraction of what telling them takes. */
static bool has_duplicates(
    struct patient *patient, const struct suspect *suspect, bool *has, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};
    const char *sql =
        patient_format(patient, "SELECT 1 FROM ONLY %s%s GROUP BY %s HAVING count(*) > 1 LIMIT 1",
            suspect->table, conditions(patient, suspect), suspect->keys);

    if (!patient_query(patient, sql, NULL, &rows, err))
        return false;
    *has = rows.row_count > 0;
    return true;
}

static bool read_duplicates(struct patient *patient, const struct suspect *suspect,
    struct connection_rows *rows, struct error *err)
{
    const char *sql = patient_format(patient,
        "SELECT left(ROW(%s)::text, 200), count(*),"
        " (array_agg(ctid ORDER BY ctid))[1:%d]::text, (array_agg(ctid ORDER BY ctid))[2:%d]::text,"
        " count(DISTINCT (whole.*)::text) = 1, count(*) OVER ()"
        " FROM ONLY %s AS whole%s GROUP BY %s HAVING count(*) > 1 ORDER BY 2 DESC, 1 LIMIT %d",
        suspect->keys, ROWS_SHOWN, ROWS_SHOWN, suspect->table, conditions(patient, suspect),
        suspect->keys, KEYS_SHOWN);

    return patient_query(patient, sql, NULL, rows, err);
}

/* Reads the table itself, never by an index. */
static bool look_behind(struct patient *patient, const struct suspect *suspect, struct error *err)
{
    OWNED(connection_transaction) struct connection_transaction transaction = {0};
    OWNED(connection_rows) struct connection_rows rows = {0};
    bool has = false;

    if (!connection_transaction_begin(&transaction, &patient->connection, NULL, err)
        || !connection_exec(&patient->connection,
            "SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off;"
            "SET LOCAL enable_bitmapscan = off",
            err)
        || !has_duplicates(patient, suspect, &has, err)
        || (has && !read_duplicates(patient, suspect, &rows, err))
        || !connection_transaction_commit(&transaction, err))
        return false;
    if (rows.row_count > 0)
        put_duplicates(patient, suspect, &rows);
    return true;
}

/* False with ERROR_STOPPED or a session that is lost. */
static bool look_at(struct patient *patient, const struct suspect *suspect, struct error *err)
{
    if (!suspect->is_readable) {
        put_unseen(patient, suspect->table, "the role may not read it");
    } else if (suspect->foreign[0] != '\0') {
        put_unseen(patient, suspect->table,
            patient_format(patient,
                "index %s would run %s with the rights of role %s; connect as its owner",
                suspect->index, suspect->foreign, patient_name(patient, patient->role)));
    } else if (!patient->is_deep && suspect->table_size > TABLE_SIZE_MAX) {
        put_unseen(patient, suspect->table,
            patient_format(patient, "it has %s; valise doctor --deep does",
                patient_size(patient, (uint64_t)suspect->table_size)));
    } else if (!look_behind(patient, suspect, err)) {
        if (connection_is_lost(&patient->connection) || err->kind == ERROR_STOPPED)
            return false;
        put_unseen(patient, suspect->table, err->text);
    }
    return true;
}

/* Also tells what there is to do. */
static uint32_t announce(struct patient *patient, const struct suspect *suspect)
{
    const struct progress_count total = {.bytes = (uint64_t)suspect->table_size, .items = 1};
    uint32_t table = progress_table(patient->progress, suspect->index);

    progress_plan(patient->progress, PROGRESS_CHECK, table, &total);
    return table;
}

static bool look_one(
    struct patient *patient, const struct suspect *suspect, uint32_t table, struct error *err)
{
    const struct progress_count total = {.bytes = (uint64_t)suspect->table_size, .items = 1};
    OWNED(progress_task) struct progress_task task = {0};

    progress_task_begin(&task, patient->progress, PROGRESS_CHECK, table);
    if (!look_at(patient, suspect, err))
        return false;
    progress_task_add(&task, &total);
    return true;
}

bool look_duplicates(struct patient *patient, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};
    size_t before = patient->findings->count;
    uint32_t first = 0;

    if (!read_suspects(patient, &rows, err))
        return false;
    for (size_t i = 0; i < rows.row_count; i++) {
        struct suspect suspect = suspect_at(patient, &rows, i);
        uint32_t table = announce(patient, &suspect);

        first = i == 0 ? table : first;
    }
    for (size_t i = 0; i < rows.row_count; i++) {
        struct suspect suspect = suspect_at(patient, &rows, i);

        if (!look_one(patient, &suspect, first + (uint32_t)i, err))
            return false;
    }
    progress_end(patient->progress, PROGRESS_CHECK);
    if (patient->findings->count == before)
        patient_well(patient, "duplicate-rows",
            patient->is_deep ? "no unique index hides any"
                             : "no unique index over text in a changing order hides any");
    return true;
}
