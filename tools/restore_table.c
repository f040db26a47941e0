#include "tools/restore_table.h"

#include "base/owned.h"
#include "tools/restore_sum.h"

#include <inttypes.h>

#define PLAIN_ROW_COUNT 256 /* rows from which a table is loaded through a plain one at once */

/* One load of a table: into the table itself, or into a plain one that stands for it. */
struct load {
    struct sqlite_file *file;
    struct restore_feed *feed;
    const struct schema_table *table;
    uint32_t ordinal;
    const struct schema_text *into;
    bool is_plain;    /* stored generated columns are columns like others */
    bool is_violated; /* a row was refused by a constraint */
};

static bool is_loaded(const struct load *load, const struct schema_column *column)
{
    return column->generated == SCHEMA_GENERATED_NO
           || (column->generated == SCHEMA_GENERATED_STORED && load->is_plain);
}

/*
 * FAIL overrides what the table's constraints say, which may be to ignore a row; and it leaves the
 * rows before, as without a journal SQLite could not take them back.
 */
static void insert_sql(
    struct byte_buffer *sql, const struct load *load, const struct byte_buffer *source)
{
    OWNED(byte_buffer) struct byte_buffer values = {0};
    const char *separator = "";

    byte_buffer_format(sql, "INSERT OR FAIL INTO main.");
    schema_put_name(sql, load->into);
    byte_buffer_format(sql, "(");
    for (uint32_t i = 0; i < load->table->column_count; i++) {
        if (!is_loaded(load, &load->table->columns[i]))
            continue;
        byte_buffer_format(sql, "%s", separator);
        schema_put_name(sql, &load->table->columns[i].name);
        byte_buffer_format(&values, "%sc%" PRIu32, separator, i);
        separator = ", ";
    }
    byte_buffer_format(sql, ") SELECT ");
    byte_buffer_put(sql, values.data, values.size);
    byte_buffer_format(sql, " FROM ");
    byte_buffer_put(sql, source->data, source->size);
    byte_buffer_put_u8(sql, '\0');
}

static bool load_rows(struct load *load, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer source = {0};
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    OWNED(sqlite_statement) struct sqlite_statement statement = {0};
    bool is_row;

    if (!restore_feed_begin(load->feed, load->ordinal, !load->is_plain, &source, err))
        return false;
    insert_sql(&sql, load, &source);
    if (!sqlite_file_prepare(load->file, (const char *)sql.data, &statement, NULL, err))
        return false;
    if (sqlite_file_step(load->file, &statement, &is_row, err))
        return true;
    load->is_violated = (sqlite3_errcode(load->file->handle) & 0xff) == SQLITE_CONSTRAINT;
    if (load->feed->has_failed)
        *err = load->feed->failure;
    return error_wrap(err, "row %" PRIu64, load->feed->scan.row_count);
}

static bool delete_rows(struct load *load, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    byte_buffer_format(&sql, "DELETE FROM main.");
    schema_put_name(&sql, &load->table->name);
    byte_buffer_put_u8(&sql, '\0');
    return sqlite_file_exec(load->file, (const char *)sql.data, err);
}

/* Did the values arrive as they are? Read back only if SQLite may have converted one. */
static bool is_exact(struct load *load, bool *is_equal, struct error *err)
{
    const struct table_end *end = &chain_last(load->feed->chain)->ends[load->ordinal];
    struct hash128 sum;
    uint64_t row_count;

    *is_equal = true;
    if (!load->feed->is_at_risk)
        return true;
    if (!restore_sum_run(load->file, load->table, &row_count, &sum, err))
        return false;
    *is_equal = row_count == end->row_count && checksum_equal(sum, end->sum);
    return true;
}

static bool load_plain(struct load *load, struct restore_plain *plain, struct error *err)
{
    if (!restore_plain_create(plain, load->file, load->table, err))
        return false;
    load->into = &plain->name;
    load->is_plain = true;
    return load_rows(load, err);
}

static bool load_table(struct load *load, struct restore_plain *plain, struct error *err)
{
    uint64_t row_count = chain_last(load->feed->chain)->ends[load->ordinal].row_count;
    bool is_internal = load->table->kind == SCHEMA_TABLE_INTERNAL;
    bool is_equal = false;

    /* SQLite has written into sqlite_sequence while it loaded the others. */
    if (is_internal && !delete_rows(load, err))
        return false;
    if (row_count == 0)
        return true;
    if (row_count < PLAIN_ROW_COUNT || is_internal) {
        if (load_rows(load, err)) {
            if (!is_exact(load, &is_equal, err))
                return false;
        } else if (!load->is_violated) {
            return false;
        }
        if (is_equal)
            return true;
        if (!delete_rows(load, err))
            return false;
    }
    return load_plain(load, plain, err);
}

bool restore_table_load(struct sqlite_file *file, struct restore_feed *feed, uint32_t ordinal,
    struct restore_plain *plain, struct error *err)
{
    const struct schema_table *table = &chain_last(feed->chain)->schema.tables[ordinal];
    struct load load = {
        .file = file, .feed = feed, .table = table, .ordinal = ordinal, .into = &table->name};

    return load_table(&load, plain, err) || error_wrap(err, "table \"%s\"", table->name.bytes);
}
