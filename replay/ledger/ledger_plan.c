#include "replay/ledger/ledger_plan.h"

#include "base/owned.h"
#include "postgres/quote.h"

#include <inttypes.h>
#include <stdio.h>

#define NUMBER_SIZE 24 /* bytes, of a number as text */

static const char create_sql[] =
    "CREATE TABLE IF NOT EXISTS valise.plan ("
    " replay bigint NOT NULL, position bigint NOT NULL, table_name text NOT NULL,"
    " action text NOT NULL, row_count bigint NOT NULL, size bigint NOT NULL,"
    " PRIMARY KEY (replay, position))";

static void put_row(struct byte_buffer *sql, const struct ledger *ledger, size_t position,
    const struct plan_table *table)
{
    quote_integer(sql, ledger->replay.id);
    quote_plain(sql, ", ");
    quote_integer(sql, (int64_t)position);
    quote_plain(sql, ", ");
    quote_literal(sql, table->name);
    quote_plain(sql, ", ");
    quote_literal(sql, plan_action_name(table->action));
    quote_plain(sql, ", ");
    quote_integer(sql, (int64_t)table->row_count);
    quote_plain(sql, ", ");
    quote_integer(sql, (int64_t)table->size);
    quote_plain(sql, ")");
}

bool ledger_plan_save(const struct ledger *ledger, struct connection *connection,
    const struct plan *plan, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    bool is_first = true;

    quote_plain(&sql, create_sql);
    for (size_t i = 0; i < plan->table_count; i++) {
        const struct plan_table *table = &plan->tables[i];

        if (table->action != PLAN_LOAD && table->action != PLAN_DERIVE)
            continue;
        quote_plain(&sql, is_first ? "; INSERT INTO valise.plan VALUES (" : ", (");
        is_first = false;
        put_row(&sql, ledger, i, table);
    }
    return connection_exec(connection, quote_text(&sql), err);
}

bool ledger_plan_forget(
    const struct ledger *ledger, struct connection *connection, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    quote_plain(&sql, create_sql);
    quote_plain(&sql, "; DELETE FROM valise.plan WHERE replay = ");
    quote_integer(&sql, ledger->replay.id);
    return connection_exec(connection, quote_text(&sql), err);
}

/* --- reading ---------------------------------------------------------------------- */

static bool has_plan(struct connection *connection, bool *answer, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (!connection_query(
            connection, "SELECT to_regclass('valise.plan') IS NOT NULL", NULL, &rows, err))
        return false;
    *answer = connection_rows_boolean(&rows, 0, 0);
    return true;
}

/* A delta, and a ledger of the time before it had plans, have parts alone. */
#define PARTS \
    "(SELECT table_name, count(*) AS part_count, sum(row_count)::bigint AS row_count" \
    " FROM valise.part WHERE replay = $1 GROUP BY table_name)"

static const char planned_sql[] =
    "SELECT p.table_name, p.action, p.row_count, p.size, coalesce(d.part_count, 0),"
    " coalesce(d.row_count, 0) FROM valise.plan p LEFT JOIN " PARTS " d USING (table_name)"
    " WHERE p.replay = $1 ORDER BY p.position";

static const char parts_sql[] = "SELECT d.table_name, NULL, 0, 0, d.part_count, d.row_count FROM"
                                " " PARTS " d ORDER BY d.table_name COLLATE \"C\"";

bool ledger_plan_read(const struct ledger *ledger, struct connection *connection,
    struct arena *arena, struct ledger_plan_table **tables, size_t *count, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};
    char id[NUMBER_SIZE];
    const char *items[] = {id};
    const struct connection_values values = {.items = items, .count = 1};
    bool is_planned;

    snprintf(id, sizeof(id), "%" PRId64, ledger->replay.id);
    if (!has_plan(connection, &is_planned, err)
        || (is_planned && !connection_query(connection, planned_sql, &values, &rows, err)))
        return false;
    if (rows.row_count == 0) {
        connection_rows_release(&rows);
        if (!connection_query(connection, parts_sql, &values, &rows, err))
            return false;
    }
    *tables = arena_alloc(arena, rows.row_count + 1, sizeof(**tables));
    *count = rows.row_count;
    for (size_t i = 0; i < rows.row_count; i++) {
        const char *action = connection_rows_text(&rows, i, 1);

        (*tables)[i] = (struct ledger_plan_table){
            .name = arena_text(arena, connection_rows_text(&rows, i, 0)),
            .action = action == NULL ? NULL : arena_text(arena, action),
            .row_count = (uint64_t)connection_rows_integer(&rows, i, 2),
            .size = (uint64_t)connection_rows_integer(&rows, i, 3),
            .part_count = (uint64_t)connection_rows_integer(&rows, i, 4),
            .done_count = (uint64_t)connection_rows_integer(&rows, i, 5),
        };
    }
    return true;
}
