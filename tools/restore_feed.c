#include "tools/restore_feed.h"

#include "base/owned.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define TELL_ROW_COUNT 4096 /* rows between two words to the progress */

#define MODULE_NAME "valise_rows"
#define NAME_SIZE 64

/* --- the virtual table ----------------------------------------------------------------- */

struct rows_table {
    sqlite3_vtab base;
    struct restore_feed *feed;
};

struct rows_cursor {
    sqlite3_vtab_cursor base;
    struct restore_feed *feed;
    bool is_row;
};

/* Says that the table has this many columns, without types. */
static int declare(sqlite3 *db, unsigned long column_count)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    byte_buffer_format(&sql, "CREATE TABLE x(c0");
    for (unsigned long i = 1; i < column_count; i++)
        byte_buffer_format(&sql, ", c%lu", i);
    byte_buffer_format(&sql, ")");
    byte_buffer_put_u8(&sql, '\0');
    return sqlite3_declare_vtab(db, (const char *)sql.data);
}

/* The one argument of ours is the number of columns. */
static int on_connect(sqlite3 *db, void *context, int argc, const char *const *argv,
    sqlite3_vtab **out, char **message)
{
    struct rows_table *table = sqlite3_malloc(sizeof(*table));
    int code;

    (void)message;
    if (table == NULL)
        return SQLITE_NOMEM;
    *table = (struct rows_table){.feed = context};
    code = declare(db, argc > 3 ? strtoul(argv[3], NULL, 10) : 1);
    if (code == SQLITE_OK)
        *out = &table->base;
    else
        sqlite3_free(table);
    return code;
}

static int on_disconnect(sqlite3_vtab *table)
{
    sqlite3_free(table);
    return SQLITE_OK;
}

static int on_best_index(sqlite3_vtab *table, sqlite3_index_info *info)
{
    (void)table;
    info->estimatedCost = 1e6;
    return SQLITE_OK;
}

static int on_open(sqlite3_vtab *table, sqlite3_vtab_cursor **out)
{
    struct rows_cursor *cursor = sqlite3_malloc(sizeof(*cursor));

    if (cursor == NULL)
        return SQLITE_NOMEM;
    *cursor = (struct rows_cursor){.feed = ((struct rows_table *)(void *)table)->feed};
    *out = &cursor->base;
    return SQLITE_OK;
}

static int on_close(sqlite3_vtab_cursor *cursor)
{
    sqlite3_free(cursor);
    return SQLITE_OK;
}

static int fail(struct restore_feed *feed)
{
    feed->has_failed = true;
    return SQLITE_ABORT;
}

static void watch(struct restore_feed *feed)
{
    for (uint32_t i = 0; i < feed->table->column_count; i++)
        if (affinity_may_change(feed->affinities[i], &feed->scan.values[i]))
            feed->is_at_risk = true;
}

static int on_next(sqlite3_vtab_cursor *base)
{
    struct rows_cursor *cursor = (struct rows_cursor *)(void *)base;
    struct restore_feed *feed = cursor->feed;

    if (!chain_scan_next(&feed->scan, &cursor->is_row, &feed->failure))
        return fail(feed);
    if (cursor->is_row && feed->affinities != NULL)
        watch(feed);
    if (cursor->is_row && feed->task != NULL && feed->scan.row_count % TELL_ROW_COUNT == 0)
        progress_task_rows(feed->task, TELL_ROW_COUNT);
    return SQLITE_OK;
}

static int on_filter(
    sqlite3_vtab_cursor *base, int number, const char *text, int argc, sqlite3_value **argv)
{
    (void)number;
    (void)text;
    (void)argc;
    (void)argv;
    return on_next(base);
}

static int on_eof(sqlite3_vtab_cursor *base)
{
    return !((struct rows_cursor *)(void *)base)->is_row;
}

static int put_utf16(sqlite3_context *context, struct restore_feed *feed, const struct value *value)
{
    const char *bytes;
    size_t size;

    if (!sqlite_file_utf16(feed->file, value, &bytes, &size)) {
        error_set(&feed->failure, ERROR_REFUSED,
            "a TEXT of %" PRIu32 " bytes is none that a UTF-16 database can hold", value->size);
        return fail(feed);
    }
    sqlite3_result_text64(context, bytes, size, SQLITE_TRANSIENT,
        feed->file->encoding == SCHEMA_ENCODING_UTF16BE ? SQLITE_UTF16BE : SQLITE_UTF16LE);
    return SQLITE_OK;
}

/* What is lent to SQLite stays valid until on_next(). */
static int on_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column)
{
    struct restore_feed *feed = ((struct rows_cursor *)(void *)base)->feed;
    const struct value *value = &feed->scan.values[column];
    /* A NULL pointer would mean NULL. */
    const char *bytes = value->bytes == NULL ? "" : (const char *)value->bytes;

    switch (value->class) {
    case VALUE_NULL:
        break;
    case VALUE_INTEGER:
        sqlite3_result_int64(context, value->integer);
        break;
    case VALUE_REAL:
        sqlite3_result_double(context, value->real);
        break;
    case VALUE_BLOB:
        sqlite3_result_blob64(context, bytes, value->size, SQLITE_STATIC);
        break;
    case VALUE_TEXT:
        if (feed->file->encoding != SCHEMA_ENCODING_UTF8)
            return put_utf16(context, feed, value);
        sqlite3_result_text64(context, bytes, value->size, SQLITE_STATIC, SQLITE_UTF8);
        break;
    }
    return SQLITE_OK;
}

static int on_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
    *out = (sqlite3_int64)((struct rows_cursor *)(void *)base)->feed->scan.row_count;
    return SQLITE_OK;
}

static const sqlite3_module module = {
    .xCreate = on_connect,
    .xConnect = on_connect,
    .xBestIndex = on_best_index,
    .xDisconnect = on_disconnect,
    .xDestroy = on_disconnect,
    .xOpen = on_open,
    .xClose = on_close,
    .xFilter = on_filter,
    .xNext = on_next,
    .xEof = on_eof,
    .xColumn = on_column,
    .xRowid = on_rowid,
};

/* --- the feed ------------------------------------------------------------------------------ */

void restore_feed_release(struct restore_feed *feed)
{
    chain_scan_release(&feed->scan);
    free(feed->affinities);
    *feed = (struct restore_feed){0};
}

bool restore_feed_init(struct restore_feed *feed, struct sqlite_file *file,
    const struct chain *chain, struct error *err)
{
    *feed = (struct restore_feed){.file = file, .chain = chain};
    /* The rows are read back when all is done, so that their hashes need not be made twice. */
    feed->scan.skips_hashes = true;
    if (sqlite3_create_module_v2(file->handle, MODULE_NAME, &module, feed, NULL) != SQLITE_OK)
        return sqlite_file_fail(file, err, "cannot make a module known");
    return true;
}

void restore_feed_rest(struct restore_feed *feed)
{
    chain_scan_release(&feed->scan);
    feed->scan.skips_hashes = true;
}

static void find_affinities(struct restore_feed *feed, bool watches)
{
    uint32_t count = feed->table->column_count;

    free(feed->affinities);
    feed->affinities = NULL;
    if (!watches)
        return;
    feed->affinities = byte_buffer_calloc(count, sizeof(*feed->affinities));
    for (uint32_t i = 0; i < count; i++)
        feed->affinities[i] = affinity_of(feed->table, &feed->table->columns[i]);
}

bool restore_feed_begin(struct restore_feed *feed, uint32_t ordinal, bool watches,
    struct byte_buffer *name, struct error *err)
{
    const struct schema_table *table = &chain_last(feed->chain)->schema.tables[ordinal];
    char sql[2 * NAME_SIZE];

    feed->table = table;
    feed->is_at_risk = false;
    feed->has_failed = false;
    find_affinities(feed, watches);
    snprintf(sql, sizeof(sql),
        "CREATE VIRTUAL TABLE IF NOT EXISTS temp." MODULE_NAME "_%" PRIu32 " USING " MODULE_NAME
        "(%" PRIu32 ")",
        table->column_count, table->column_count);
    byte_buffer_format(name, "temp." MODULE_NAME "_%" PRIu32, table->column_count);
    return sqlite_file_exec(feed->file, sql, err)
           && chain_scan_open(&feed->scan, feed->chain, ordinal, err);
}
