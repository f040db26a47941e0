#include "replay/ledger/mapping.h"

#include "base/owned.h"
#include "base/utf8.h"
#include "postgres/quote.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum mapping_kind {
    MAPPING_LEFT_OUT, /* a column, or all of the table */
    MAPPING_DERIVED,  /* all of the table */
    MAPPING_UNIX_TIME,
    MAPPING_BAD_VALUE,
    MAPPING_KIND_COUNT,
};

static const char *const kind_names[] = {
    [MAPPING_LEFT_OUT] = "left out",
    [MAPPING_DERIVED] = "derived",
    [MAPPING_UNIX_TIME] = "--unix-time",
    [MAPPING_BAD_VALUE] = "--on-bad-value",
};

/* A row of valise.mapping. */
struct mapping_row {
    const char *table;
    const char *column; /* of the dump; "": all of the table */
    const char *kind;
    const char *how;
};

static const char create_sql[] =
    "CREATE TABLE IF NOT EXISTS valise.mapping (replay bigint NOT NULL, table_name text NOT NULL,"
    " column_name text NOT NULL, kind text NOT NULL, how text NOT NULL,"
    " PRIMARY KEY (replay, table_name, column_name, kind));";

/* Could PostgreSQL have a column or table of that name? */
static bool has_name(const struct schema_text *name)
{
    return name->size > 0 && memchr(name->bytes, 0, name->size) == NULL
           && utf8_is_valid((const uint8_t *)name->bytes, name->size);
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

/* --- what a plan does ------------------------------------------------------------ */

struct mapping_list {
    struct arena arena;
    struct byte_buffer rows; /* struct mapping_row */
    bool has_every_policy;   /* also for bad values where there are none */
};

static void mapping_list_release(struct mapping_list *list)
{
    byte_buffer_release(&list->rows);
    arena_release(&list->arena);
}

static const struct mapping_row *rows_of(const struct mapping_list *list)
{
    return (const struct mapping_row *)(const void *)list->rows.data;
}

static size_t count_of(const struct mapping_list *list)
{
    return list->rows.size / sizeof(struct mapping_row);
}

/* column "": all of the table. */
static void list_row(struct mapping_list *list, const struct plan_table *table, const char *column,
    enum mapping_kind kind, const char *how)
{
    const struct mapping_row row = {
        .table = table->name,
        .column = column,
        .kind = kind_names[kind],
        .how = arena_text(&list->arena, how),
    };

    byte_buffer_put(&list->rows, &row, sizeof(row));
}

static void list_column(struct mapping_list *list, const struct plan_table *table, const char *name,
    const struct copy_column *column)
{
    bool has_bad = table->rejects.count > 0 || table->replaced_count > 0;

    for (enum mapping_kind kind = MAPPING_UNIX_TIME; kind < MAPPING_KIND_COUNT; kind++) {
        OWNED(byte_buffer) struct byte_buffer how = {0};

        if (kind == MAPPING_BAD_VALUE && !has_bad && !list->has_every_policy)
            continue;
        put_how(&how, kind, column);
        if (how.size > 0)
            list_row(list, table, name, kind, quote_text(&how));
    }
}

static void list_columns(
    struct mapping_list *list, const struct plan_table *table, const struct schema_table *source)
{
    for (uint32_t i = 0; i < source->column_count; i++) {
        const char *name = source->columns[i].name.bytes;
        const struct copy_column *column = taken(table, i);

        if (!has_name(&source->columns[i].name))
            continue;
        if (column != NULL)
            list_column(list, table, name, column);
        else
            list_row(list, table, name, MAPPING_LEFT_OUT, "");
    }
}

static bool is_derived(const struct plan_table *table)
{
    return table->action == PLAN_DERIVE
           || (table->action == PLAN_SAME && table->rule != NULL
               && table->rule->action == PROFILE_DERIVE);
}

static void list_table(
    struct mapping_list *list, const struct plan_table *table, const struct dump_reader *reader)
{
    const struct schema_table *source;

    if (table->source == UINT32_MAX)
        return;
    if (is_derived(table)) {
        list_row(list, table, "", MAPPING_DERIVED, table->rule->from);
        return;
    }
    source = &reader->schema.tables[table->source];
    if (table->row_count == 0 || source->kind != SCHEMA_TABLE_ORDINARY || !has_name(&source->name))
        return;
    if (table->action == PLAN_LOAD || table->action == PLAN_SAME)
        list_columns(list, table, source);
    else
        list_row(list, table, "", MAPPING_LEFT_OUT, plan_action_name(table->action));
}

static void list_plan(
    struct mapping_list *list, const struct plan *plan, const struct dump_reader *reader)
{
    for (size_t i = 0; i < plan->table_count; i++)
        list_table(list, &plan->tables[i], reader);
}

/* --- what a replay did ----------------------------------------------------------- */

static bool is_kind(const struct mapping_row *row, enum mapping_kind kind)
{
    return strcmp(row->kind, kind_names[kind]) == 0;
}

/* *is_known: is there such a record at all? */
static bool read_rows(struct connection *connection, const char *where,
    struct connection_rows *rows, bool *is_known, struct error *err)
{
    OWNED(connection_rows) struct connection_rows exists = {0};
    char sql[300];

    if (!connection_query(
            connection, "SELECT to_regclass('valise.mapping') IS NOT NULL", NULL, &exists, err))
        return false;
    *is_known = connection_rows_boolean(&exists, 0, 0);
    snprintf(sql, sizeof(sql),
        "SELECT table_name, column_name, kind, how FROM valise.mapping WHERE replay = %s"
        " ORDER BY 1, 2, 3",
        where);
    return !*is_known || connection_query(connection, sql, NULL, rows, err);
}

static struct mapping_row row_at(const struct connection_rows *rows, size_t row)
{
    return (struct mapping_row){
        .table = connection_rows_text(rows, row, 0),
        .column = connection_rows_text(rows, row, 1),
        .kind = connection_rows_text(rows, row, 2),
        .how = connection_rows_text(rows, row, 3),
    };
}

/* --- comparing with the last one ------------------------------------------------- */

static struct plan_table *table_of(struct plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->table_count; i++)
        if (plan->tables[i].action == PLAN_LOAD && strcmp(plan->tables[i].name, name) == 0)
            return &plan->tables[i];
    return NULL;
}

/* UINT32_MAX: the dump has no such column. */
static uint32_t ordinal_of(const struct schema_table *source, const char *name)
{
    for (uint32_t i = 0; i < source->column_count; i++)
        if (has_name(&source->columns[i].name) && strcmp(source->columns[i].name.bytes, name) == 0)
            return i;
    return UINT32_MAX;
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
    uint32_t source;

    if (is_kind(row, MAPPING_DERIVED))
        return arena_format(arena,
            "table \"%s\" was derived by the last replay, and is taken from the dump now",
            table->name);
    if (row->column[0] == '\0')
        return arena_format(arena,
            "table \"%s\" was left out by the last replay, and the target has it now", table->name);
    source = ordinal_of(&reader->schema.tables[table->source], row->column);
    if (source == UINT32_MAX && !is_kind(row, MAPPING_BAD_VALUE))
        return arena_format(arena,
            "table \"%s\": its column \"%s\" was replayed with \"%s\", and is gone or renamed in this "
            "dump",
            table->name, row->column, row->kind);
    column = source == UINT32_MAX ? NULL : taken(table, source);
    return column == NULL ? NULL : difference(arena, table, column, row);
}

static bool was_derived(const struct connection_rows *rows, const char *name)
{
    for (size_t i = 0; i < rows->row_count; i++) {
        const struct mapping_row row = row_at(rows, i);

        if (is_kind(&row, MAPPING_DERIVED) && strcmp(row.table, name) == 0)
            return true;
    }
    return false;
}

static void compare_derived(struct plan *plan, const struct connection_rows *rows)
{
    for (size_t i = 0; i < plan->table_count; i++) {
        struct plan_table *table = &plan->tables[i];

        if (table->action == PLAN_DERIVE && !was_derived(rows, table->name))
            table->remapped = arena_format(&plan->arena,
                "table \"%s\" was not derived by the last replay, and is now", table->name);
    }
}

bool mapping_compare(struct plan *plan, const struct dump_reader *reader,
    struct connection *connection, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};
    bool is_delta = reader->header.kind == DUMP_DELTA;
    bool is_known;

    if (!read_rows(connection, "(SELECT max(id) FROM valise.replay WHERE phase = 'done')", &rows,
            &is_known, err))
        return false;
    for (size_t i = 0; i < rows.row_count; i++) {
        const struct mapping_row row = row_at(&rows, i);
        struct plan_table *table = table_of(plan, row.table);

        if (table != NULL && table->remapped == NULL
            && !(is_delta && is_kind(&row, MAPPING_BAD_VALUE)))
            table->remapped = table_difference(&plan->arena, table, reader, &row);
    }
    if (is_known)
        compare_derived(plan, &rows);
    return true;
}

/* --- going on -------------------------------------------------------------------- */

static bool is_listed(const struct mapping_list *list, const struct mapping_row *row)
{
    const struct mapping_row *rows = rows_of(list);

    for (size_t i = 0; i < count_of(list); i++)
        if (strcmp(rows[i].table, row->table) == 0 && strcmp(rows[i].column, row->column) == 0
            && strcmp(rows[i].kind, row->kind) == 0 && strcmp(rows[i].how, row->how) == 0)
            return true;
    return false;
}

/* The first row of a table that the other list lacks; NULL: there is none. */
static const struct mapping_row *lacking(
    const struct mapping_list *list, const struct mapping_list *other, const char *table)
{
    const struct mapping_row *rows = rows_of(list);

    for (size_t i = 0; i < count_of(list); i++)
        if (strcmp(rows[i].table, table) == 0
            && !(list->has_every_policy && is_kind(&rows[i], MAPPING_BAD_VALUE))
            && !is_listed(other, &rows[i]))
            return &rows[i];
    return NULL;
}

static void check_table(const char *table, const struct mapping_list *begun,
    const struct mapping_list *now, struct problems *problems)
{
    const struct mapping_row *gone = lacking(begun, now, table);
    const struct mapping_row *row = gone == NULL ? lacking(now, begun, table) : gone;

    if (row == NULL)
        return;
    problems_add(problems,
        "give the options and the profile that it was begun with, or undo it with --abort",
        "table \"%s\"%s%s%s: %s%s%s%s %s", table, row->column[0] == '\0' ? "" : ", column \"",
        row->column, row->column[0] == '\0' ? "" : "\"", row->kind, row->how[0] == '\0' ? "" : " (",
        row->how, row->how[0] == '\0' ? "" : ")",
        gone == NULL ? "now, but not when the unfinished replay began"
                     : "when the unfinished replay began, but not now");
}

bool mapping_check_resumed(const struct plan *plan, const struct dump_reader *reader,
    const struct ledger *ledger, struct connection *connection, struct problems *problems,
    struct error *err)
{
    OWNED(mapping_list) struct mapping_list now = {.has_every_policy = true};
    OWNED(mapping_list) struct mapping_list begun = {0};
    OWNED(connection_rows) struct connection_rows rows = {0};
    char id[24];
    bool is_known;

    snprintf(id, sizeof(id), "%" PRId64, ledger->replay.id);
    if (!read_rows(connection, id, &rows, &is_known, err))
        return false;
    for (size_t i = 0; i < rows.row_count; i++) {
        const struct mapping_row row = row_at(&rows, i);

        byte_buffer_put(&begun.rows, &row, sizeof(row));
    }
    list_plan(&now, plan, reader);
    for (size_t i = 0; is_known && i < plan->table_count; i++)
        if (plan->tables[i].source != UINT32_MAX)
            check_table(plan->tables[i].name, &begun, &now, problems);
    return true;
}

/* --- recording ------------------------------------------------------------------- */

static void put_rows(
    struct byte_buffer *sql, const struct mapping_list *list, const struct ledger *ledger)
{
    for (size_t i = 0; i < count_of(list); i++) {
        const struct mapping_row *row = &rows_of(list)[i];
        const char *texts[] = {row->table, row->column, row->kind, row->how};

        quote_plain(sql, i == 0 ? "INSERT INTO valise.mapping VALUES (" : ", (");
        quote_integer(sql, ledger->replay.id);
        for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++) {
            quote_plain(sql, ", ");
            quote_literal(sql, texts[k]);
        }
        quote_plain(sql, ")");
    }
    quote_plain(sql, count_of(list) > 0 ? ";" : "");
}

/* Of columns of which nothing is said now, in tables of which the delta leaves rows. */
static void put_kept(struct byte_buffer *sql, const struct plan *plan,
    const struct dump_reader *reader, const struct ledger *ledger, int64_t before)
{
    quote_plain(sql, "INSERT INTO valise.mapping SELECT ");
    quote_integer(sql, ledger->replay.id);
    quote_plain(sql, ", table_name, column_name, kind, how FROM valise.mapping WHERE replay = ");
    quote_integer(sql, before);
    quote_plain(sql, " AND kind IN ('--unix-time', '--on-bad-value') AND table_name NOT IN (''");
    for (size_t i = 0; i < plan->table_count; i++) {
        const struct plan_table *table = &plan->tables[i];

        if (table->source == UINT32_MAX || table->action != PLAN_LOAD
            || (table->row_count > 0 && reader->ends[table->source].change != TABLE_WHOLE))
            continue;
        quote_plain(sql, ", ");
        quote_literal(sql, table->name);
    }
    quote_plain(sql, ") ON CONFLICT DO NOTHING");
}

bool mapping_record(const struct plan *plan, const struct dump_reader *reader,
    const struct ledger *ledger, int64_t before, struct connection *connection, struct error *err)
{
    OWNED(mapping_list) struct mapping_list list = {0};
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    quote_plain(&sql, create_sql);
    list_plan(&list, plan, reader);
    put_rows(&sql, &list, ledger);
    if (reader->header.kind == DUMP_DELTA)
        put_kept(&sql, plan, reader, ledger, before);
    return connection_exec(connection, quote_text(&sql), err);
}

bool mapping_forget(
    const struct ledger *ledger, bool is_before, struct connection *connection, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    quote_plain(&sql, create_sql);
    quote_plain(&sql, "DELETE FROM valise.mapping WHERE replay ");
    quote_plain(&sql, is_before ? "< " : "= ");
    quote_integer(&sql, ledger->replay.id);
    return connection_exec(connection, quote_text(&sql), err);
}
