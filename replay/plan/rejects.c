#include "replay/plan/rejects.h"

#include "base/byte_buffer.h"
#include "base/file.h"
#include "base/json_writer.h"
#include "base/owned.h"
#include "format/dump_guard.h"
#include "postgres/quote.h"
#include "replay/values/reject_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void rejects_release(struct rejects *rejects)
{
    free(rejects->items);
    *rejects = (struct rejects){0};
}

static struct reject place_of(const struct source_rows *rows)
{
    return (struct reject){.block = rows->next_block - 1, .row = rows->buffer.rows.next_row - 1};
}

static void append(struct rejects *rejects, const struct reject *reject)
{
    if (rejects->count == rejects->capacity) {
        rejects->capacity = rejects->capacity == 0 ? 16 : rejects->capacity * 2;
        rejects->items =
            byte_buffer_realloc(rejects->items, rejects->capacity * sizeof(*rejects->items));
    }
    rejects->items[rejects->count++] = *reject;
}

void rejects_add(struct rejects *rejects, const struct source_rows *rows, const char *reason)
{
    struct reject reject = place_of(rows);

    reject.reason = reason;
    append(rejects, &reject);
}

static int compare(const void *a, const void *b)
{
    const struct reject *x = a;
    const struct reject *y = b;

    if (x->block != y->block)
        return x->block < y->block ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

void rejects_merge(struct rejects *into, const struct rejects *from)
{
    for (size_t i = 0; i < from->count; i++)
        append(into, &from->items[i]);
    if (from->count > 0)
        qsort(into->items, into->count, sizeof(*into->items), compare);
}

const struct reject *rejects_find(const struct rejects *rejects, const struct source_rows *rows)
{
    struct reject place;

    if (rejects == NULL || rejects->count == 0)
        return NULL;
    place = place_of(rows);
    return bsearch(&place, rejects->items, rejects->count, sizeof(place), compare);
}

/* "\x..." as bytea reads it, with a final NUL. */
static void put_hex(struct byte_buffer *out, const struct byte_buffer *bytes)
{
    static const char digits[] = "0123456789abcdef";

    byte_buffer_put(out, "\\x", 2);
    for (size_t i = 0; i < bytes->size; i++) {
        byte_buffer_put_u8(out, (uint8_t)digits[bytes->data[i] >> 4]);
        byte_buffer_put_u8(out, (uint8_t)digits[bytes->data[i] & 15]);
    }
    byte_buffer_put_u8(out, 0);
}

bool rejects_save(struct connection *connection, const struct rejects_row *row, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer bytes = {0};
    OWNED(byte_buffer) struct byte_buffer hex = {0};
    OWNED(byte_buffer) struct byte_buffer json = {0};
    OWNED(connection_rows) struct connection_rows rows = {0};
    char replay[24];
    const char *items[] = {replay, row->table, row->reject->reason, NULL, NULL};

    for (uint32_t i = 0; i < row->source->column_count; i++)
        value_encode(&bytes, &row->values[i]);
    put_hex(&hex, &bytes);
    reject_json_put(&json, row->source, row->values);
    items[3] = (const char *)hex.data;
    items[4] = quote_text(&json);
    snprintf(replay, sizeof(replay), "%" PRId64, row->replay);
    return connection_query(connection,
               "INSERT INTO valise.rejects (replay, table_name, reason, row_bytes, row_json)"
               " VALUES ($1, $2, $3, $4, $5)",
               &(struct connection_values){.items = items, .count = 5}, &rows, err)
           || error_wrap(err, "cannot keep a rejected row");
}

/* One row as an object of the file; the values come as they are, from the last column. */
static void put_row(struct byte_buffer *out, const struct connection_rows *rows, size_t row)
{
    struct json_writer w = {.out = out};

    json_writer_begin_object(&w);
    json_writer_name(&w, "id");
    json_writer_integer(&w, connection_rows_integer(rows, row, 0));
    json_writer_named_text(&w, "table", connection_rows_text(rows, row, 1));
    json_writer_named_text(&w, "reason", connection_rows_text(rows, row, 2));
    json_writer_named_text(&w, "row", connection_rows_text(rows, row, 3));
    json_writer_end_object(&w);
    out->size -= strlen("\n}");
    quote_plain(out, ",\n  \"values\": ");
    quote_plain(out, connection_rows_text(rows, row, 4));
    quote_plain(out, "\n}");
}

bool rejects_check_file(const char *path, struct error *err)
{
    static const char *const beginnings[] = {"[\n]\n", "[\n{\n  \"id\": "};
    static const struct dump_guard_kind kind = {"list of rejected rows", beginnings, 2};
    OWNED(file_output) struct file_output file = {.fd = -1};

    if (!dump_guard_check_kind(path, &kind, err))
        return false;
    /* A pipe would wait for its reader. */
    return file_is_pipe(path) || file_output_open(&file, path, err);
}

bool rejects_write_file(
    struct connection *connection, int64_t replay, const char *path, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer text = {0};
    OWNED(file_output) struct file_output file = {.fd = -1};
    OWNED(connection_rows) struct connection_rows rows = {0};
    char id[24];
    const char *items[] = {id};

    snprintf(id, sizeof(id), "%" PRId64, replay);
    if (!connection_query(connection,
            "SELECT id, table_name, reason, encode(row_bytes, 'hex'), row_json FROM valise.rejects"
            " WHERE replay = $1 ORDER BY table_name COLLATE \"C\", row_bytes, id",
            &(struct connection_values){.items = items, .count = 1}, &rows, err))
        return false;
    quote_plain(&text, "[");
    for (size_t i = 0; i < rows.row_count; i++) {
        quote_plain(&text, i == 0 ? "\n" : ",\n");
        put_row(&text, &rows, i);
    }
    quote_plain(&text, "\n]\n");
    return file_output_open(&file, path, err) && file_output_write(&file, text.data, text.size, err)
           && file_output_commit(&file, err);
}

bool rejects_count(struct connection *connection, uint64_t *row_count, struct error *err)
{
    OWNED(connection_rows) struct connection_rows exists = {0};
    OWNED(connection_rows) struct connection_rows rows = {0};

    *row_count = 0;
    if (!connection_query(
            connection, "SELECT to_regclass('valise.rejects') IS NOT NULL", NULL, &exists, err))
        return false;
    if (!connection_rows_boolean(&exists, 0, 0))
        return true;
    if (!connection_query(connection,
            "SELECT count(*) FROM valise.rejects WHERE replay = " REJECTS_REPLAY, NULL, &rows, err))
        return false;
    *row_count = (uint64_t)connection_rows_integer(&rows, 0, 0);
    return true;
}
