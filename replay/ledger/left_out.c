#include "replay/ledger/left_out.h"

#include "base/owned.h"
#include "postgres/quote.h"

#include <string.h>

/* --- finding --------------------------------------------------------------------- */

bool left_out_is_any(struct connection *connection, bool *out, struct error *err)
{
    OWNED(connection_rows) struct connection_rows exists = {0};
    OWNED(connection_rows) struct connection_rows rows = {0};

    *out = false;
    if (!connection_query(
            connection, "SELECT to_regclass('valise.left_out') IS NOT NULL", NULL, &exists, err))
        return false;
    if (!connection_rows_boolean(&exists, 0, 0))
        return true;
    if (!connection_query(
            connection, "SELECT EXISTS (SELECT 1 FROM valise.left_out)", NULL, &rows, err))
        return false;
    *out = connection_rows_boolean(&rows, 0, 0);
    return true;
}

static struct plan_table *table_of(struct plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->table_count; i++)
        if (plan->tables[i].source != UINT32_MAX && strcmp(plan->tables[i].name, name) == 0)
            return &plan->tables[i];
    return NULL;
}

/* The column of the target that takes this one's values now. */
static const struct target_column *column_of(
    const struct plan_table *table, const struct dump_reader *reader, const char *name)
{
    const struct schema_table *source = &reader->schema.tables[table->source];

    for (size_t i = 0; i < table->column_count; i++)
        if (strcmp(source->columns[table->columns[i].source].name.bytes, name) == 0)
            return table->columns[i].type.column;
    return NULL;
}

/* One column, or (NULL) all of a table. */
static void look(struct plan_table *table, const struct dump_reader *reader, const char *name)
{
    const struct target_column *column = name == NULL ? NULL : column_of(table, reader, name);

    if (name == NULL)
        table->lacking = "";
    else if (column != NULL && table->lacking == NULL)
        table->lacking = column->name;
}

bool left_out_find(struct plan *plan, const struct dump_reader *reader,
    struct connection *connection, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};
    bool is_any;

    if (!left_out_is_any(connection, &is_any, err))
        return false;
    if (!is_any)
        return true;
    if (!connection_query(connection,
            "SELECT table_name, column_name FROM valise.left_out ORDER BY 1, 2", NULL, &rows, err))
        return false;
    for (size_t i = 0; i < rows.row_count; i++) {
        struct plan_table *table = table_of(plan, connection_rows_text(&rows, i, 0));

        if (table != NULL && table->action == PLAN_LOAD)
            look(table, reader, connection_rows_text(&rows, i, 1));
    }
    return true;
}

const char *left_out_words(struct arena *arena, const struct plan_table *table)
{
    if (table->lacking[0] == '\0')
        return arena_format(arena, "table \"%s\" was left out by the last replay", table->name);
    return arena_format(arena, "table \"%s\": its column \"%s\" was left out by the last replay",
        table->name, table->lacking);
}

/* --- recording ------------------------------------------------------------------- */

/* column NULL: all of the table. */
static void put_row(struct byte_buffer *sql, const struct plan_table *table, const char *column)
{
    quote_plain(sql, sql->size == 0 ? "INSERT INTO valise.left_out VALUES (" : ", (");
    quote_literal(sql, table->name);
    quote_plain(sql, ", ");
    if (column == NULL)
        quote_plain(sql, "NULL");
    else
        quote_literal(sql, column);
    quote_plain(sql, ")");
}

static bool is_taken(const struct plan_table *table, uint32_t source)
{
    for (size_t i = 0; i < table->column_count; i++)
        if (table->columns[i].source == source)
            return true;
    return false;
}

static void put_columns(
    struct byte_buffer *sql, const struct plan_table *table, const struct dump_reader *reader)
{
    const struct schema_table *source = &reader->schema.tables[table->source];

    for (uint32_t i = 0; i < source->column_count; i++) {
        const struct schema_text *name = &source->columns[i].name;

        if (source->columns[i].generated == SCHEMA_GENERATED_NO && !is_taken(table, i)
            && memchr(name->bytes, 0, name->size) == NULL)
            put_row(sql, table, name->bytes);
    }
}

static void put_table(
    struct byte_buffer *sql, const struct plan_table *table, const struct dump_reader *reader)
{
    const struct schema_table *source;

    if (table->source == UINT32_MAX || table->row_count == 0 || table->action == PLAN_DERIVE)
        return;
    source = &reader->schema.tables[table->source];
    if (source->kind != SCHEMA_TABLE_ORDINARY
        || memchr(source->name.bytes, 0, source->name.size) != NULL)
        return;
    if (table->action == PLAN_LOAD || table->action == PLAN_SAME)
        put_columns(sql, table, reader);
    else
        put_row(sql, table, NULL);
}

bool left_out_record(const struct plan *plan, const struct dump_reader *reader,
    struct connection *connection, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    for (size_t i = 0; i < plan->table_count; i++)
        put_table(&sql, &plan->tables[i], reader);
    return connection_exec(connection,
               "CREATE TABLE IF NOT EXISTS valise.left_out (table_name text NOT NULL, column_name text);"
               "DELETE FROM valise.left_out",
               err)
           && (sql.size == 0 || connection_exec(connection, quote_text(&sql), err));
}
