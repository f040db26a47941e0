#include "tools/restore_table.h"

#include "base/owned.h"
#include "base/stop.h"
#include "tools/affinity.h"
#include "tools/restore_plain.h"
#include "tools/sql_name.h"

#include <inttypes.h>
#include <stdio.h>

#define STOP_ROW_COUNT 4096 /* rows between two looks whether to stop */

/* --- reading back -------------------------------------------------------------------- */

static void put_text(struct byte_buffer *sql, const char *text)
{
    byte_buffer_put(sql, text, strlen(text));
}

static void select_sql(struct byte_buffer *sql, const struct schema_table *table)
{
    put_text(sql, "SELECT ");
    for (uint32_t i = 0; i < table->column_count; i++) {
        put_text(sql, i > 0 ? ", " : "");
        sql_name_put(sql, &table->columns[i].name);
    }
    put_text(sql, " FROM main.");
    sql_name_put(sql, &table->name);
    put_text(sql, " NOT INDEXED");
    byte_buffer_put_u8(sql, '\0');
}

bool restore_table_sum(struct sqlite_file *file, const struct schema_table *table,
    uint64_t *row_count, struct hash128 *sum, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    OWNED(byte_buffer) struct byte_buffer row = {0};
    OWNED(sqlite_statement) struct sqlite_statement statement = {0};
    bool is_row = true;

    *row_count = 0;
    *sum = (struct hash128){0};
    select_sql(&sql, table);
    if (!sqlite_file_prepare(file, (const char *)sql.data, &statement, NULL, err))
        return false;
    for (;;) {
        if (!sqlite_file_step(file, &statement, &is_row, err)
            || (*row_count % STOP_ROW_COUNT == 0 && !stop_check(err)))
            return false;
        if (!is_row)
            return true;
        row.size = 0;
        for (uint32_t i = 0; i < table->column_count; i++)
            sqlite_file_column(file, &statement, (int)i, &row);
        *sum = checksum_add(*sum, checksum_xxh3(row.data, row.size));
        (*row_count)++;
    }
}

/* --- loading -------------------------------------------------------------------------- */

/* One load of a table: into the table itself, or into a plain one that stands for it. */
struct load {
    struct sqlite_file *file;
    const struct schema_table *table;
    const struct schema_text *into;
    bool with_stored; /* stored generated columns are columns like others */
    bool is_at_risk;  /* a value was seen that SQLite may have converted */
    bool is_violated; /* a row was refused by a constraint */
};

static bool is_loaded(const struct load *load, const struct schema_column *column)
{
    return column->generated == SCHEMA_GENERATED_NO
           || (column->generated == SCHEMA_GENERATED_STORED && load->with_stored);
}

static void insert_sql(struct byte_buffer *sql, const struct load *load)
{
    const char *separator = "(";
    uint32_t count = 0;

    /* ABORT overrides what the table's constraints say, which may be to ignore a row. */
    put_text(sql, "INSERT OR ABORT INTO main.");
    sql_name_put(sql, load->into);
    for (uint32_t i = 0; i < load->table->column_count; i++) {
        if (!is_loaded(load, &load->table->columns[i]))
            continue;
        put_text(sql, separator);
        sql_name_put(sql, &load->table->columns[i].name);
        separator = ", ";
        count++;
    }
    put_text(sql, ") VALUES (?");
    for (uint32_t i = 1; i < count; i++)
        put_text(sql, ", ?");
    put_text(sql, ")");
    byte_buffer_put_u8(sql, '\0');
}

static bool insert_row(struct load *load, const struct sqlite_statement *statement,
    const struct value *values, struct error *err)
{
    int parameter = 0;
    bool is_row;

    for (uint32_t i = 0; i < load->table->column_count; i++) {
        const struct schema_column *column = &load->table->columns[i];

        if (!is_loaded(load, column))
            continue;
        if (affinity_may_change(affinity_of(load->table, column), &values[i]))
            load->is_at_risk = true;
        if (!sqlite_file_bind(load->file, statement, ++parameter, &values[i], err))
            return error_wrap(err, "column \"%s\"", column->name.bytes);
    }
    if (sqlite_file_step(load->file, statement, &is_row, err)) {
        sqlite3_reset(statement->handle);
        return true;
    }
    load->is_violated = (sqlite3_errcode(load->file->handle) & 0xff) == SQLITE_CONSTRAINT;
    return false;
}

static bool load_rows(struct load *load, const struct chain *chain, uint32_t ordinal,
    struct chain_scan *scan, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    OWNED(sqlite_statement) struct sqlite_statement statement = {0};
    bool is_row;

    insert_sql(&sql, load);
    if (!sqlite_file_prepare(load->file, (const char *)sql.data, &statement, NULL, err)
        || !chain_scan_open(scan, chain, ordinal, err))
        return false;
    for (;;) {
        if (scan->row_count % STOP_ROW_COUNT == 0 && !stop_check(err))
            return false;
        if (!chain_scan_next(scan, &is_row, err))
            return false;
        if (!is_row)
            return true;
        if (!insert_row(load, &statement, scan->values, err))
            return error_wrap(err, "row %" PRIu64, scan->row_count);
    }
}

static bool delete_rows(struct load *load, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    put_text(&sql, "DELETE FROM main.");
    sql_name_put(&sql, load->into);
    byte_buffer_put_u8(&sql, '\0');
    return sqlite_file_exec(load->file, (const char *)sql.data, err);
}

/* Did the values arrive as they are? Read back only if SQLite may have converted one. */
static bool is_exact(
    struct load *load, const struct chain_scan *scan, bool *is_equal, struct error *err)
{
    struct hash128 sum;
    uint64_t row_count;

    *is_equal = true;
    if (!load->is_at_risk)
        return true;
    if (!restore_table_sum(load->file, load->table, &row_count, &sum, err))
        return false;
    *is_equal = row_count == scan->row_count && checksum_equal(sum, scan->sum);
    return true;
}

/* Loads through a table without types, whose pages become those of the table. */
static bool load_plain(struct load *load, const struct chain *chain, uint32_t ordinal,
    struct chain_scan *scan, struct error *err)
{
    OWNED(restore_plain) struct restore_plain plain = {0};

    if (!delete_rows(load, err) || !restore_plain_create(&plain, load->file, load->table, err))
        return false;
    load->into = &plain.name;
    load->with_stored = true;
    return load_rows(load, chain, ordinal, scan, err) && restore_plain_swap(&plain, err);
}

static bool load_table(struct load *load, const struct chain *chain, uint32_t ordinal,
    struct chain_scan *scan, struct error *err)
{
    bool is_equal = false;

    /* SQLite has written into sqlite_sequence while it loaded the others. */
    if (load->table->kind == SCHEMA_TABLE_INTERNAL && !delete_rows(load, err))
        return false;
    if (load_rows(load, chain, ordinal, scan, err)) {
        if (!is_exact(load, scan, &is_equal, err))
            return false;
    } else if (!load->is_violated) {
        return false;
    }
    return is_equal || load_plain(load, chain, ordinal, scan, err);
}

bool restore_table_load(struct sqlite_file *file, const struct chain *chain, uint32_t ordinal,
    struct chain_scan *scan, struct error *err)
{
    const struct schema_table *table = &chain_last(chain)->schema.tables[ordinal];
    struct load load = {.file = file, .table = table, .into = &table->name};

    if (!load_table(&load, chain, ordinal, scan, err))
        return error_wrap(err, "table \"%s\"", table->name.bytes);
    return true;
}
