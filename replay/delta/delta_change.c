#include "replay/delta/delta_change.h"

#include "base/owned.h"
#include "postgres/quote.h"
#include "replay/delta/delta_sql.h"

#include <inttypes.h>

/* Appends "DELETE FROM target AS t USING staged AS s WHERE same key". */
static void put_delete(struct byte_buffer *sql, const struct delta_table *table, const char *staged)
{
    quote_plain(sql, "DELETE FROM ");
    delta_sql_target(sql, table->table->target);
    quote_plain(sql, " AS t USING ");
    quote_plain(sql, staged);
    quote_plain(sql, " AS s WHERE ");
    delta_sql_key_match(sql, table, "t", "s");
}

/* Rows that are removed and not added again under the same key. */
static bool delete_gone(
    const struct delta_table *table, struct connection *connection, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    if (table->removed_count == 0)
        return true;
    put_delete(&sql, table, table->removed);
    quote_plain(&sql, " AND NOT EXISTS (SELECT 1 FROM ");
    quote_plain(&sql, table->added);
    quote_plain(&sql, " AS a WHERE ");
    delta_sql_key_match(&sql, table, "a", "s");
    quote_plain(&sql, ")");
    return connection_exec_texts(connection, quote_text(&sql), &table->values, err);
}

static bool update_changed(
    const struct delta_table *table, struct connection *connection, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    bool is_first = true;

    quote_plain(&sql, "UPDATE ");
    delta_sql_target(&sql, table->table->target);
    quote_plain(&sql, " AS t SET ");
    for (size_t i = 0; i < table->column_count; i++) {
        const struct target_column *column = table->columns[i].type.column;

        if (delta_sql_is_in_key(table, column))
            continue;
        quote_plain(&sql, is_first ? "" : ", ");
        is_first = false;
        quote_name(&sql, column->name);
        quote_plain(&sql, " = a.");
        quote_name(&sql, column->name);
    }
    if (is_first || table->added_count == 0)
        return true;
    quote_plain(&sql, " FROM ");
    quote_plain(&sql, table->added);
    quote_plain(&sql, " AS a WHERE ");
    delta_sql_key_match(&sql, table, "t", "a");
    return connection_exec_texts(connection, quote_text(&sql), &table->values, err);
}

static bool delete_staged(const struct delta_table *table, const char *staged,
    struct connection *connection, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    put_delete(&sql, table, staged);
    return connection_exec_texts(connection, quote_text(&sql), &table->values, err);
}

static bool replace(const struct delta_table *table, bool overwrites, struct connection *connection,
    struct error *err)
{
    return (table->removed_count == 0 || delete_staged(table, table->removed, connection, err))
           && (!overwrites || delete_staged(table, table->added, connection, err));
}

/* By place, as the check found them; nothing has moved since. */
static bool delete_found(
    const struct delta_table *table, struct connection *connection, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    if (table->removed_count == 0)
        return true;
    quote_plain(&sql, "DELETE FROM ");
    delta_sql_target(&sql, table->table->target);
    quote_plain(&sql, " AS t");
    if (table->table->target->kind == 'p') {
        quote_plain(&sql, " USING ");
        quote_plain(&sql, table->found);
        quote_plain(&sql, " AS f WHERE t.tableoid = f.table_oid AND t.ctid = f.row_id");
    } else {
        quote_plain(&sql, " WHERE t.ctid = ANY (ARRAY(SELECT row_id FROM ");
        quote_plain(&sql, table->found);
        quote_plain(&sql, "))");
    }
    return connection_exec(connection, quote_text(&sql), err);
}

static bool delete_all(
    const struct delta_table *table, struct connection *connection, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    quote_plain(&sql, "DELETE FROM ");
    delta_sql_target(&sql, table->table->target);
    return connection_exec(connection, quote_text(&sql), err);
}

bool delta_change_remove(const struct delta_table *table, bool overwrites,
    struct connection *connection, struct error *err)
{
    switch (table->mode) {
    case DELTA_UPDATE:
        /* With nothing removed, no row stands where an added one goes: the check has seen to it. */
        return (table->removed_count == 0 && !overwrites)
               || (delete_gone(table, connection, err) && update_changed(table, connection, err));
    case DELTA_REPLACE:
        return replace(table, overwrites, connection, err);
    case DELTA_COUNTED:
        return delete_found(table, connection, err);
    case DELTA_WHOLE:
        break;
    }
    return delete_all(table, connection, err);
}

/* The rows that an update did not reach. */
bool delta_change_add(
    const struct delta_table *table, struct connection *connection, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    if (table->added_count == 0)
        return true;
    quote_plain(&sql, "INSERT INTO ");
    quote_qualified(&sql, table->table->target->schema, table->table->target->name);
    quote_plain(&sql, " (");
    delta_sql_columns(&sql, table->columns, table->column_count, NULL);
    quote_plain(&sql, ")");
    quote_plain(&sql, connection->version_num >= 100000 ? " OVERRIDING SYSTEM VALUE" : "");
    quote_plain(&sql, " SELECT ");
    delta_sql_columns(&sql, table->columns, table->column_count, "a");
    quote_plain(&sql, " FROM ");
    quote_plain(&sql, table->added);
    quote_plain(&sql, " AS a");
    if (table->mode == DELTA_UPDATE) {
        quote_plain(&sql, " WHERE NOT EXISTS (SELECT 1 FROM ");
        delta_sql_target(&sql, table->table->target);
        quote_plain(&sql, " AS t WHERE ");
        delta_sql_key_match(&sql, table, "t", "a");
        quote_plain(&sql, ")");
    }
    return connection_exec_texts(connection, quote_text(&sql), &table->values, err);
}
