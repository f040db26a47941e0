#include "doctor/look_amcheck.h"

#include "base/owned.h"
#include "watch/progress_task.h"

#include <string.h>

/* The function's name as SQL; NULL: the extension is not there. */
static bool find_function(struct patient *patient, const char **function, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};

    *function = NULL;
    if (!patient_query(patient,
            "SELECT n.nspname FROM pg_extension AS e JOIN pg_namespace AS n"
            " ON n.oid = e.extnamespace WHERE e.extname = 'amcheck'",
            NULL, &rows, err))
        return false;
    if (rows.row_count == 1)
        *function =
            patient_qualified(patient, patient_text(patient, &rows, 0, 0), "bt_index_check");
    return true;
}

static void put_missing(struct patient *patient)
{
    struct finding *finding = finding_add(patient->findings, FINDING_NOTICE, "amcheck-missing",
        "the extension amcheck is not installed, so only duplicates were looked for");

    finding->why = "With it --deep also finds rows that an index lacks or misplaces.";
    finding_mend(patient->findings, finding, FINDING_WORDS,
        "as a superuser, in this database (Debian has it in the server's package):");
    finding_mend(patient->findings, finding, FINDING_SQL, "CREATE EXTENSION amcheck;");
}

static const char *index_name(
    const struct patient *patient, const struct connection_rows *rows, size_t row)
{
    return patient_qualified(
        patient, patient_text(patient, rows, row, 1), patient_text(patient, rows, row, 2));
}

/* An index that fails the check is a finding; a right that is missing is a failure. */
static bool check_index(struct patient *patient, const char *function, const char *index,
    const char *oid, struct error *err)
{
    const char *sql = patient_format(patient, "SELECT %s(%s::oid::regclass%s)", function, oid,
        patient_since(patient, 110000, ", true", ""));
    OWNED(connection_rows) struct connection_rows rows = {0};
    struct finding *finding;

    if (patient_query(patient, sql, NULL, &rows, err))
        return true;
    if (connection_is_lost(&patient->connection) || err->kind != ERROR_DATABASE
        || strcmp(patient->connection.sqlstate, "42501") == 0)
        return false;
    finding = finding_add(patient->findings, FINDING_ERROR, "index-damaged",
        "index %s is damaged: %s", index, err->text);
    finding->why = "Queries by it miss rows or return wrong ones.";
    finding_mend(patient->findings, finding, FINDING_WORDS,
        "rebuild it; when that finds duplicates, see duplicate-rows. A damaged index can mean a "
        "damaged disk: look at the host's log too");
    finding_mend(patient->findings, finding, FINDING_SQL, "REINDEX INDEX %s;", index);
    return true;
}

/* Each takes as long as its table and itself are big, as all rows are looked up in it. */
static bool check_indexes(struct patient *patient, const char *function,
    const struct connection_rows *rows, struct error *err)
{
    struct progress *progress = patient->progress;
    uint32_t first = 0;

    for (size_t i = 0; i < rows->row_count; i++) {
        const struct progress_count total = {
            .bytes = (uint64_t)connection_rows_integer(rows, i, 3), .items = 1};
        uint32_t table = progress_table(progress, index_name(patient, rows, i));

        first = i == 0 ? table : first;
        progress_plan(progress, PROGRESS_VERIFY, table, &total);
    }
    for (size_t i = 0; i < rows->row_count; i++) {
        const struct progress_count total = {
            .bytes = (uint64_t)connection_rows_integer(rows, i, 3), .items = 1};
        OWNED(progress_task) struct progress_task task = {0};

        progress_task_begin(&task, progress, PROGRESS_VERIFY, first + (uint32_t)i);
        if (!check_index(patient, function, index_name(patient, rows, i),
                patient_text(patient, rows, i, 0), err))
            return false;
        progress_task_add(&task, &total);
    }
    progress_end(progress, PROGRESS_VERIFY);
    return true;
}

bool look_amcheck(struct patient *patient, struct error *err)
{
    static const char sql[] =
        "SELECT c.oid, n.nspname, c.relname, pg_table_size(x.indrelid) + pg_relation_size(c.oid)"
        " FROM pg_index AS x"
        " JOIN pg_class AS c ON c.oid = x.indexrelid JOIN pg_am AS m ON m.oid = c.relam"
        " JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE m.amname = 'btree' AND c.relkind = 'i' AND x.indisvalid AND x.indisready"
        "  AND c.relpersistence = 'p' AND" PATIENT_SCHEMAS "ORDER BY 2, 3";
    OWNED(connection_rows) struct connection_rows rows = {0};
    const char *function;
    size_t before = patient->findings->count;

    if (!patient->is_deep)
        return true;
    if (!find_function(patient, &function, err) || !patient_query(patient, sql, NULL, &rows, err))
        return false;
    if (function == NULL) {
        put_missing(patient);
        return true;
    }
    if (!check_indexes(patient, function, &rows, err))
        return false;
    if (patient->findings->count == before)
        patient_well(patient, "index-damaged", "no index is");
    return true;
}
