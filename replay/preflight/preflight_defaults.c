#include "replay/preflight/preflight_defaults.h"

#include "base/owned.h"
#include "postgres/connection_transaction.h"
#include "postgres/quote.h"
#include "replay/preflight/key_checks.h"

#include <string.h>

/* Whatever is built in works anywhere. */
static const char sql_of_defaults[] =
    "SELECT c.relname, a.attname FROM pg_attrdef AS d JOIN pg_class AS c ON c.oid = d.adrelid"
    " JOIN pg_attribute AS a ON a.attrelid = d.adrelid AND a.attnum = d.adnum"
    " WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)"
    " AND c.relkind IN ('r', 'p') AND EXISTS (SELECT 1 FROM pg_depend AS p"
    "  WHERE p.classid = 'pg_attrdef'::regclass AND p.objid = d.oid"
    "  AND p.refclassid = 'pg_proc'::regclass) ORDER BY c.relname, a.attnum";

/* Does the table get rows without a value for the column? */
static bool needs_default(
    const struct preflight *p, const struct plan_table *table, const struct target_column *column)
{
    if (table->action != PLAN_LOAD || table->source == UINT32_MAX || column == NULL
        || !column->has_default || p->input->reader->block_count[table->source] == 0)
        return false;
    for (size_t i = 0; i < table->column_count; i++)
        if (table->columns[i].type.column == column)
            return false;
    return true;
}

static bool compute(
    const struct preflight *p, const struct target_column *column, struct error *err)
{
    OWNED(connection_transaction) struct connection_transaction transaction = {0};
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    OWNED(connection_rows) struct connection_rows rows = {0};

    quote_plain(&sql, "SELECT (");
    quote_plain(&sql, column->default_text);
    quote_plain(&sql, ")");
    return connection_transaction_begin(&transaction, p->connection, NULL, err)
           && connection_query(p->connection, quote_text(&sql), NULL, &rows, err);
}

static bool check_default(const struct preflight *p, const struct plan_table *table,
    const struct target_column *column, struct error *err)
{
    struct error refusal;

    if (compute(p, column, &refusal))
        return true;
    if (refusal.kind != ERROR_DATABASE || connection_is_lost(p->connection)) {
        *err = refusal;
        return false;
    }
    problems_add(p->problems, "mend the function, or ALTER TABLE ... ALTER COLUMN ... DROP DEFAULT",
        "table \"%s\", column \"%s\": its default, which the dump's rows get, fails: %s",
        table->name, column->name, refusal.text);
    return true;
}

bool preflight_defaults(const struct preflight *preflight, struct error *err)
{
    const struct target_catalog *catalog = preflight->input->catalog;
    const struct connection_values values = {&catalog->server.schema, 1};
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (!connection_query(preflight->connection, sql_of_defaults, &values, &rows, err))
        return false;
    for (size_t i = 0; i < rows.row_count; i++) {
        const struct target_table *target =
            target_catalog_table(catalog, connection_rows_text(&rows, i, 0));
        const struct plan_table *table = key_checks_planned(preflight->plan, target);
        const struct target_column *column =
            table == NULL ? NULL : target_catalog_column(target, connection_rows_text(&rows, i, 1));

        if (table != NULL && needs_default(preflight, table, column)
            && !check_default(preflight, table, column, err))
            return false;
    }
    return true;
}
