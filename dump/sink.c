#include "dump/sink.h"

#include "base/owned.h"
#include "base/utf16.h"
#include "dump/catalog.h"
#include "dump/sqlite_error.h"
#include "format/value.h"

#include <inttypes.h>
#include <string.h>

#define FUNCTION_NAME "valise_sink"
/* A scan wants every page once: few enough that they stay in a processor's cache. */
#define CACHE_SETTING "PRAGMA cache_size=-256"

static void statement_release(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
}

/* --- values -------------------------------------------------------------------- */

/* Room for `more` bytes of the current row; a batch becomes large only when it may. */
static inline bool reserve(struct sink *sink, size_t row_start, size_t more)
{
    struct byte_buffer *rows = &sink->batch->rows;
    size_t wanted = rows->size + more;

    if (wanted <= rows->capacity)
        return true;
    if (wanted - row_start > ROW_SIZE_MAX)
        return error_set(&sink->failure, ERROR_UNSUPPORTED,
            "the row has more than %zu bytes, a dump holds no more", ROW_SIZE_MAX);
    if (wanted > PIPELINE_LARGE_SIZE
        && !pipeline_allow_large(sink->pipeline, sink->batch, &sink->failure))
        return false;
    byte_buffer_reserve(rows, more);
    return true;
}

static inline bool put_null(struct sink *sink, size_t row_start)
{
    struct byte_buffer *rows = &sink->batch->rows;

    if (!reserve(sink, row_start, 1))
        return false;
    rows->data[rows->size++] = VALUE_NULL;
    return true;
}

static inline bool put_number(
    struct sink *sink, size_t row_start, enum value_class class, uint64_t bits)
{
    struct byte_buffer *rows = &sink->batch->rows;

    if (!reserve(sink, row_start, 9))
        return false;
    rows->data[rows->size] = (uint8_t) class;
    byte_buffer_store_u64(rows->data + rows->size + 1, bits);
    rows->size += 9;
    return true;
}

static inline bool put_real(struct sink *sink, size_t row_start, double real)
{
    uint64_t bits;

    memcpy(&bits, &real, sizeof(bits));
    return put_number(sink, row_start, VALUE_REAL, bits);
}

/* bytes is NULL for a value of no bytes, but also when SQLite has no memory for it. */
static inline bool put_bytes(
    struct sink *sink, size_t row_start, enum value_class class, const void *bytes, size_t size)
{
    struct byte_buffer *rows = &sink->batch->rows;
    uint8_t *to;

    if (bytes == NULL && size > 0)
        return error_set(&sink->failure, ERROR_IO, "not enough memory for a value");
    if (!reserve(sink, row_start, 5 + size))
        return false;
    to = rows->data + rows->size;
    to[0] = (uint8_t) class;
    byte_buffer_store_u32(to + 1, (uint32_t)size);
    if (size > 0)
        memcpy(to + 5, bytes, size);
    rows->size += 5 + size;
    return true;
}

static bool put_utf16(struct sink *sink, size_t row_start, const void *bytes, size_t size)
{
    struct byte_buffer *rows = &sink->batch->rows;
    uint8_t *to;
    size_t used;

    if (bytes == NULL && size > 0)
        return error_set(&sink->failure, ERROR_IO, "not enough memory for a value");
    if (!reserve(sink, row_start, 5 + utf16_room(size)))
        return false;
    to = rows->data + rows->size;
    used = utf16_to_utf8(to + 5, bytes, size, sink->schema->encoding == SCHEMA_ENCODING_UTF16BE);
    to[0] = VALUE_TEXT;
    byte_buffer_store_u32(to + 1, (uint32_t)used);
    rows->size += 5 + used;
    return true;
}

/* --- rows ------------------------------------------------------------------------- */

static bool begin_row(struct sink *sink, size_t *row_start)
{
    if (sink->batch == NULL && !pipeline_begin(sink->pipeline, &sink->batch, &sink->failure)) {
        sink->batch = NULL;
        return false;
    }
    *row_start = sink->batch->rows.size;
    return true;
}

static bool submit(struct sink *sink)
{
    struct row_batch *batch = sink->batch;

    sink->batch = NULL;
    if (sink->progress != NULL)
        sink->progress(sink->progress_context, sink->table, sink->row_count + sink->end.row_count,
            sink->size + sink->end.size);
    return sink->deliver(sink->deliver_context, sink->table, batch, &sink->failure);
}

static bool end_row(struct sink *sink, size_t row_start)
{
    struct row_batch *batch = sink->batch;
    size_t size = batch->rows.size - row_start;
    struct hash128 hash;

    batch->row_count++;
    sink->end.row_count++;
    sink->end.size += size;
    if (sink->leaves_hashes && !rows_encoder_needs_hash(batch->rows.size)) {
        batch->unhashed_size = batch->rows.size;
        return true;
    }
    hash = checksum_xxh3(batch->rows.data + row_start, size);
    batch->sum = checksum_add(batch->sum, hash);
    batch->cut = hash.low;
    sink->end.sum = checksum_add(sink->end.sum, hash);
    return !rows_encoder_block_ends(hash, size, batch->rows.size) || submit(sink);
}

/* --- rows through the function -------------------------------------------------------- */

static inline bool put_argument(struct sink *sink, size_t row_start, sqlite3_value *value)
{
    const void *bytes;

    switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER:
        return put_number(sink, row_start, VALUE_INTEGER, (uint64_t)sqlite3_value_int64(value));
    case SQLITE_FLOAT:
        return put_real(sink, row_start, sqlite3_value_double(value));
    case SQLITE_TEXT:
        /* As a blob: asking for text would convert it, or copy it to end it with a NUL. */
        bytes = sqlite3_value_blob(value);
        if (sink->schema->encoding != SCHEMA_ENCODING_UTF8)
            return put_utf16(sink, row_start, bytes, (size_t)sqlite3_value_bytes16(value));
        return put_bytes(sink, row_start, VALUE_TEXT, bytes, (size_t)sqlite3_value_bytes(value));
    case SQLITE_BLOB:
        bytes = sqlite3_value_blob(value);
        return put_bytes(sink, row_start, VALUE_BLOB, bytes, (size_t)sqlite3_value_bytes(value));
    default:
        return put_null(sink, row_start);
    }
}

static void on_row(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct sink *sink = sqlite3_user_data(context);
    int first = sink->order.rowid != NULL;
    size_t row_start;
    bool done = first > 0
                    ? row_order_rowid(&sink->order, sqlite3_value_int64(values[0]), &sink->failure)
                    : row_order_values(&sink->order, values, &sink->failure);

    done = done && begin_row(sink, &row_start);
    for (int i = first; done && i < count; i++)
        done = put_argument(sink, row_start, values[i]);
    if (done && end_row(sink, row_start))
        return;
    /* What went wrong is in sink->failure; this makes SQLite stop. */
    sink->has_failed = true;
    sqlite3_result_error(context, "valise-dump cannot go on", -1);
}

static void on_end(sqlite3_context *context)
{
    sqlite3_result_null(context);
}

bool sink_init(struct sink *sink, struct error *err)
{
    int status = sqlite3_create_function_v2(sink->db, FUNCTION_NAME, -1,
        SQLITE_UTF8 | SQLITE_DIRECTONLY, sink, NULL, on_row, on_end, NULL);

    if (status == SQLITE_OK)
        status = sqlite3_exec(sink->db, CACHE_SETTING, NULL, NULL, NULL);
    if (status != SQLITE_OK)
        return sqlite_error_set(err, sink->db, status, "cannot prepare for reading");
    return true;
}

/* --- rows column by column ---------------------------------------------------------------- */

static bool put_column(struct sink *sink, size_t row_start, sqlite3_stmt *statement, int column)
{
    const void *bytes;

    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
        return put_number(
            sink, row_start, VALUE_INTEGER, (uint64_t)sqlite3_column_int64(statement, column));
    case SQLITE_FLOAT:
        return put_real(sink, row_start, sqlite3_column_double(statement, column));
    case SQLITE_TEXT:
        bytes = sqlite3_column_blob(statement, column);
        if (sink->schema->encoding != SCHEMA_ENCODING_UTF8)
            return put_utf16(
                sink, row_start, bytes, (size_t)sqlite3_column_bytes16(statement, column));
        return put_bytes(
            sink, row_start, VALUE_TEXT, bytes, (size_t)sqlite3_column_bytes(statement, column));
    case SQLITE_BLOB:
        bytes = sqlite3_column_blob(statement, column);
        return put_bytes(
            sink, row_start, VALUE_BLOB, bytes, (size_t)sqlite3_column_bytes(statement, column));
    default:
        return put_null(sink, row_start);
    }
}

/* A table as wide as this is ordered by its rowid; others are too rare to be checked. */
static bool put_fetched_row(struct sink *sink, sqlite3_stmt *statement, int column_count)
{
    int first = sink->order.rowid != NULL;
    size_t row_start;
    bool done =
        first == 0
        || row_order_rowid(&sink->order, sqlite3_column_int64(statement, 0), &sink->failure);

    done = done && begin_row(sink, &row_start);
    for (int i = first; done && i < column_count; i++)
        done = put_column(sink, row_start, statement, i);
    return done && end_row(sink, row_start);
}

/* --- a table --------------------------------------------------------------------------------- */

static bool uses_function(const struct sink *sink, const struct schema_table *table)
{
    int limit = sqlite3_limit(sink->db, SQLITE_LIMIT_FUNCTION_ARG, -1);

    return table->column_count < (uint32_t)limit;
}

static void put_query(struct byte_buffer *sql, const struct schema_table *table, const char *rowid,
    bool with_function)
{
    const char *before = with_function ? "SELECT " FUNCTION_NAME "(" : "SELECT ";
    const char *after = with_function ? ") FROM main." : " FROM main.";

    byte_buffer_put_text(sql, before);
    if (rowid != NULL)
        byte_buffer_put_text(sql, rowid);
    for (uint32_t i = 0; i < table->column_count; i++) {
        if (i > 0 || rowid != NULL)
            byte_buffer_put_u8(sql, ',');
        schema_put_name(sql, &table->columns[i].name);
    }
    byte_buffer_put_text(sql, after);
    schema_put_name(sql, &table->name);
    /* An index that has all columns would be scanned in its own order. */
    byte_buffer_put(sql, " NOT INDEXED", sizeof(" NOT INDEXED"));
}

static bool run(struct sink *sink, sqlite3_stmt *statement, bool with_function, struct error *err)
{
    int column_count = sqlite3_column_count(statement);
    int status;

    while ((status = sqlite3_step(statement)) == SQLITE_ROW) {
        if (!with_function && !put_fetched_row(sink, statement, column_count))
            sink->has_failed = true;
        if (sink->has_failed)
            break;
    }
    if (sink->has_failed) {
        *err = sink->failure;
        return false;
    }
    if (status != SQLITE_DONE)
        return sqlite_error_set(err, sink->db, status, "SQLite stopped");
    if (sink->batch != NULL && sink->batch->row_count > 0 && !submit(sink)) {
        *err = sink->failure;
        return false;
    }
    return true;
}

static bool read_rows(struct sink *sink, const struct schema_table *table, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    OWNED(statement) sqlite3_stmt *statement = NULL;
    bool with_function = uses_function(sink, table);
    int status;

    if (!row_order_begin(&sink->order, sink->db, sink->schema, sink->table, err))
        return false;
    put_query(&sql, table, sink->order.rowid, with_function);
    status = sqlite3_prepare_v2(sink->db, (const char *)sql.data, -1, &statement, NULL);
    if (status != SQLITE_OK)
        return sqlite_error_set(err, sink->db, status, "cannot be read");
    return run(sink, statement, with_function, err);
}

bool sink_read_table(struct sink *sink, uint32_t number, struct error *err)
{
    const struct schema_table *table = &sink->schema->tables[number];
    bool done;

    sink->table = number;
    sink->end = (struct table_end){
        .table = number, .change = TABLE_WHOLE, .column_count = table->column_count};
    sink->has_failed = false;
    done = read_rows(sink, table, err);
    row_order_release(&sink->order);
    if (!done) {
        if (err->kind == ERROR_STOPPED)
            return false;
        return error_wrap(
            err, "table \"%s\", after %" PRIu64 " rows", table->name.bytes, sink->end.row_count);
    }
    sink->row_count += sink->end.row_count;
    sink->size += sink->end.size;
    return true;
}
