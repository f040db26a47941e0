#include "replay/ledger/mapping.h"

#include "base/owned.h"
#include "postgres/quote.h"

#include <string.h>

enum mapping_kind {
    MAPPING_LEFT_OUT, /* a column, or all of the table */
    MAPPING_UNIX_TIME,
    MAPPING_BAD_VALUE,
    MAPPING_KIND_COUNT,
};

static const char *const kind_names[] = {
    [MAPPING_LEFT_OUT] = "left out",
    [MAPPING_UNIX_TIME] = "--unix-time",
    [MAPPING_BAD_VALUE] = "--on-bad-value",
};

static bool has_name(const struct schema_text *name)
{
    return memchr(name->bytes, 0, name->size) == NULL;
}

static const struct copy_column *taken(const struct plan_table *table, uint32_t source)
{
    for (size_t i = 0; i < table->column_count; i++)
        if (table->columns[i].source == source)
            return &table->columns[i];
    return NULL;
}

/* How a column is read, in words; empty: plainly. */
static void put_how(
    struct byte_buffer *out, enum mapping_kind kind, const struct copy_column *column)
{
    const struct type_map *type = &column->type;

    if (kind == MAPPING_UNIX_TIME && type->unix_time != TYPE_MAP_UNIX_NONE
        && type_map_takes_unix_time(type))
        quote_plain(out, profile_units[type->unix_time]);
    if (kind != MAPPING_BAD_VALUE)
        return;
    if (type->rejects || type->replaces_text)
        quote_plain(out, type->rejects ? "reject" : "replace");
    if (type->nul_replacement != NULL) {
        quote_plain(out, out->size == 0 ? "NUL by " : ", NUL by ");
        quote_literal(out, type->nul_replacement);
    }
}

/* --- comparing ------------------------------------------------------------------- */

bool mapping_is_any(struct connection *connection, bool *out, struct error *err)
{
    OWNED(connection_rows) struct connection_rows exists = {0};
    OWNED(connection_rows) struct connection_rows rows = {0};

    *out = false;
    if (!connection_query(
            connection, "SELECT to_regclass('valise.mapping') IS NOT NULL", NULL, &exists, err))
        return false;
    if (!connection_rows_boolean(&exists, 0, 0))
        return true;
    if (!connection_query(
            connection, "SELECT EXISTS (SELECT 1 FROM valise.mapping)", NULL, &rows, err))
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

static const struct copy_column *column_of(
    const struct plan_table *table, const struct dump_reader *reader, const char *name)
{
    const struct schema_table *source = &reader->schema.tables[table->source];

    for (uint32_t i = 0; i < source->column_count; i++)
        if (strcmp(source->columns[i].name.bytes, name) == 0)
            return taken(table, i);
    return NULL;
}

/* A row of valise.mapping. */
struct mapping_row {
    const char *column; /* of the dump; NULL: all of the table */
    const char *kind;
    const char *how;
};

static bool is_kind(const struct mapping_row *row, enum mapping_kind kind)
{
    return strcmp(row->kind, kind_names[kind]) == 0;
}

/* Why a column that the plan takes differs from what the row says; NULL: it does not. */
static const char *difference(struct arena *arena, const struct plan_table *table,
    const struct copy_column *column, const struct mapping_row *row)
{
    OWNED(byte_buffer) struct byte_buffer now = {0};
    const char *name = column->type.column->name;

    if (is_kind(row, MAPPING_LEFT_OUT))
        return arena_format(arena,
            "table \"%s\": its column \"%s\" was left out by the last replay, and the target has it "
            "now",
            table->name, name);
    put_how(&now, is_kind(row, MAPPING_UNIX_TIME) ? MAPPING_UNIX_TIME : MAPPING_BAD_VALUE, column);
    if (now.size == 0 || strcmp(quote_text(&now), row->how) == 0)
        return NULL;
    if (is_kind(row, MAPPING_UNIX_TIME))
        return arena_format(arena,
            "table \"%s\": its column \"%s\" was replayed with %s (%s), not (%s)", table->name,
            name, row->kind, row->how, quote_text(&now));
    /* Which column's values were bad is not known. */
    return arena_format(arena, "table \"%s\" was replayed with %s (%s), not (%s)", table->name,
        row->kind, row->how, quote_text(&now));
}

static const char *table_difference(struct arena *arena, const struct plan_table *table,
    const struct dump_reader *reader, const struct mapping_row *row)
{
    const struct copy_column *column;

    if (row->column == NULL)
        return arena_format(arena,
            "table \"%s\" was left out by the last replay, and the target has it now", table->name);
    column = column_of(table, reader, row->column);
    return column == NULL ? NULL : difference(arena, table, column, row);
}

bool mapping_compare(struct plan *plan, const struct dump_reader *reader,
    struct connection *connection, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};
    bool is_delta = reader->header.kind == DUMP_DELTA;
    bool is_any;

    if (!mapping_is_any(connection, &is_any, err))
        return false;
    if (!is_any)
        return true;
    if (!connection_query(connection,
            is_delta ? "SELECT table_name, column_name, kind, how FROM valise.mapping"
                       " WHERE kind <> '--on-bad-value' ORDER BY 1, 2, 3"
                     : "SELECT table_name, column_name, kind, how FROM valise.mapping"
                       " ORDER BY 1, 2, 3",
            NULL, &rows, err))
        return false;
    for (size_t i = 0; i < rows.row_count; i++) {
        struct plan_table *table = table_of(plan, connection_rows_text(&rows, i, 0));
        struct mapping_row row = {.column = connection_rows_text(&rows, i, 1),
            .kind = connection_rows_text(&rows, i, 2),
            .how = connection_rows_text(&rows, i, 3)};

        if (table != NULL && table->action == PLAN_LOAD && table->remapped == NULL)
            table->remapped = table_difference(&plan->arena, table, reader, &row);
    }
    return true;
}

/* --- recording ------------------------------------------------------------------- */

/* column NULL: all of the table. */
static void put_row(struct byte_buffer *sql, const struct plan_table *table, const char *column,
    enum mapping_kind kind, const char *how)
{
    quote_plain(sql, sql->size == 0 ? "INSERT INTO valise.mapping VALUES (" : ", (");
    quote_literal(sql, table->name);
    quote_plain(sql, ", ");
    quote_literal(sql, column);
    quote_plain(sql, ", ");
    quote_literal(sql, kind_names[kind]);
    quote_plain(sql, ", ");
    quote_literal(sql, how);
    quote_plain(sql, ")");
}

static void put_column(struct byte_buffer *sql, const struct plan_table *table, const char *name,
    const struct copy_column *column)
{
    for (enum mapping_kind kind = MAPPING_UNIX_TIME; kind < MAPPING_KIND_COUNT; kind++) {
        OWNED(byte_buffer) struct byte_buffer how = {0};

        /* Where nothing was bad, it makes no difference. */
        if (kind == MAPPING_BAD_VALUE && table->rejects.count == 0 && table->replaced_count == 0)
            continue;
        put_how(&how, kind, column);
        if (how.size > 0)
            put_row(sql, table, name, kind, quote_text(&how));
    }
}

static void put_columns(
    struct byte_buffer *sql, const struct plan_table *table, const struct schema_table *source)
{
    for (uint32_t i = 0; i < source->column_count; i++) {
        const char *name = source->columns[i].name.bytes;
        const struct copy_column *column = taken(table, i);

        if (!has_name(&source->columns[i].name))
            continue;
        if (column != NULL)
            put_column(sql, table, name, column);
        else if (source->columns[i].generated == SCHEMA_GENERATED_NO)
            put_row(sql, table, name, MAPPING_LEFT_OUT, "");
    }
}

static void put_table(
    struct byte_buffer *sql, const struct plan_table *table, const struct dump_reader *reader)
{
    const struct schema_table *source;

    if (table->source == UINT32_MAX || table->row_count == 0 || table->action == PLAN_DERIVE)
        return;
    source = &reader->schema.tables[table->source];
    if (source->kind != SCHEMA_TABLE_ORDINARY || !has_name(&source->name))
        return;
    if (table->action == PLAN_LOAD || table->action == PLAN_SAME)
        put_columns(sql, table, source);
    else
        put_row(sql, table, NULL, MAPPING_LEFT_OUT, "");
}

/* A delta keeps what is known of bad values in tables where it brings none. */
static void put_removal(
    struct byte_buffer *sql, const struct plan *plan, const struct dump_reader *reader)
{
    quote_plain(sql, "DELETE FROM valise.mapping");
    if (reader->header.kind == DUMP_FULL)
        return;
    quote_plain(sql, " WHERE kind <> '--on-bad-value' OR table_name IN (''");
    for (size_t i = 0; i < plan->table_count; i++) {
        const struct plan_table *table = &plan->tables[i];

        if (table->source == UINT32_MAX
            || (table->replaced_count == 0 && reader->ends[table->source].change != TABLE_WHOLE))
            continue;
        quote_plain(sql, ", ");
        quote_literal(sql, table->name);
    }
    quote_plain(sql, ")");
}

bool mapping_record(const struct plan *plan, const struct dump_reader *reader,
    struct connection *connection, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer removal = {0};
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    put_removal(&removal, plan, reader);
    for (size_t i = 0; i < plan->table_count; i++)
        put_table(&sql, &plan->tables[i], reader);
    return connection_exec(connection,
               "CREATE TABLE IF NOT EXISTS valise.mapping (table_name text NOT NULL,"
               " column_name text, kind text NOT NULL, how text NOT NULL);"
               /* A publication of all tables lets nothing go that has no identity. */
               "ALTER TABLE valise.mapping REPLICA IDENTITY FULL",
               err)
           && connection_exec(connection, quote_text(&removal), err)
           && (sql.size == 0 || connection_exec(connection, quote_text(&sql), err));
}
