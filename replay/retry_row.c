#include "replay/retry_row.h"

#include "base/owned.h"
#include "postgres/connection_copy.h"
#include "postgres/quote.h"
#include "replay/values/copy_encoder.h"
#include "replay/values/reject_json.h"
#include "replay/values/unix_time.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SQLSTATE_FOREIGN_KEY "23503"

/* A row as it is to be loaded. */
struct loading {
    struct arena arena;
    struct reject_json_row row;
    struct copy_column *columns; /* in the arena */
    size_t column_count;
    struct copy_encoder encoder;
};

static void loading_release(struct loading *loading)
{
    copy_encoder_release(&loading->encoder);
    arena_release(&loading->arena);
}

/* --- the row ------------------------------------------------------------------- */

static bool repair(struct loading *loading, const char *text, struct error *err)
{
    struct reject_json_row changes;

    if (text == NULL)
        return true;
    if (!reject_json_read(&changes, &loading->arena, text, err))
        return error_wrap(err, "its repair is no row in JSON");
    for (size_t i = 0; i < changes.count; i++) {
        size_t at = 0;

        while (at < loading->row.count && strcasecmp(loading->row.names[at], changes.names[i]) != 0)
            at++;
        if (at == loading->row.count)
            return error_set(err, ERROR_REFUSED,
                "its repair names a column \"%s\", which it does not have", changes.names[i]);
        loading->row.values[at] = changes.values[i];
    }
    return true;
}

static void map_column(struct loading *loading, const struct retry_row *row,
    const struct target_column *column, uint32_t source, const struct value_policies *policies)
{
    struct copy_column *out = &loading->columns[loading->column_count++];

    out->source = source;
    type_map_of(&out->type, column);
    out->type.unix_time = unix_time_of(policies, row->table, loading->row.names[source]);
    if (value_policy_of(policies, row->table, loading->row.names[source]) != VALUE_POLICY_REPLACE)
        return;
    out->type.replaces_text = true;
    out->type.nul_replacement = policies->nul_text;
}

static bool map_columns(struct loading *loading, const struct retry_row *row,
    const struct value_policies *policies, struct error *err)
{
    loading->columns =
        arena_alloc(&loading->arena, loading->row.count + 1, sizeof(*loading->columns));
    for (uint32_t i = 0; i < loading->row.count; i++) {
        const struct target_column *column =
            target_catalog_column(row->target, loading->row.names[i]);

        if (column == NULL && loading->row.values[i].class != VALUE_NULL)
            return error_set(
                err, ERROR_REFUSED, "the target has no column \"%s\"", loading->row.names[i]);
        if (column != NULL && column->generated == 0)
            map_column(loading, row, column, i, policies);
    }
    return true;
}

/* Encodes it; ERROR_REFUSED is the row's fault. */
static bool encode(struct loading *loading, const struct retry_row *row,
    const struct value_policies *policies, struct error *err)
{
    if (row->target == NULL)
        return error_set(err, ERROR_REFUSED, "the target has no table \"%s\"", row->table);
    if (!reject_json_read(&loading->row, &loading->arena, row->json, err)
        || !repair(loading, row->repair, err) || !map_columns(loading, row, policies, err))
        return false;
    copy_encoder_init(&loading->encoder, loading->columns, loading->column_count);
    copy_encoder_begin(&loading->encoder);
    if (!copy_encoder_row(&loading->encoder, loading->row.values, err))
        return false;
    copy_encoder_end(&loading->encoder);
    return true;
}

/* --- the server ------------------------------------------------------------------- */

static void put_copy(
    struct byte_buffer *sql, const struct retry_row *row, const struct loading *loading)
{
    quote_plain(sql, "COPY ");
    quote_qualified(sql, row->target->schema, row->target->name);
    for (size_t i = 0; i < loading->column_count; i++) {
        quote_plain(sql, i == 0 ? " (" : ", ");
        quote_name(sql, loading->columns[i].type.column->name);
    }
    quote_plain(sql, loading->encoder.is_text ? ") FROM STDIN" : ") FROM STDIN (FORMAT binary)");
}

static bool copy(const struct retry_row *row, const struct loading *loading,
    struct connection *connection, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    OWNED(connection_copy_in) struct connection_copy_in stream = {0};
    const struct byte_buffer *data = &loading->encoder.data;
    uint64_t row_count = 0;

    put_copy(&sql, row, loading);
    if (!connection_copy_in_begin(&stream, connection, quote_text(&sql), err)
        || !connection_copy_in_put(&stream, data->data, data->size, err)
        || !connection_copy_in_commit(&stream, &row_count, err))
        return false;
    return row_count == 1
           || error_set(err, ERROR_DATABASE, "a trigger or rule of the table took the row away");
}

static bool insert(struct retry_row *row, const struct loading *loading,
    struct connection *connection, struct error *err)
{
    char sqlstate[CONNECTION_SQLSTATE_SIZE];
    struct error refusal;

    if (!connection_exec(connection, "SAVEPOINT valise_row", err))
        return false;
    row->is_back = copy(row, loading, connection, &refusal);
    row->is_waiting = false;
    if (row->is_back) {
        row->sum = loading->encoder.sum;
        return connection_exec(connection, "RELEASE SAVEPOINT valise_row", err);
    }
    *err = refusal;
    if (refusal.kind != ERROR_DATABASE || connection_is_lost(connection))
        return false;
    snprintf(sqlstate, sizeof(sqlstate), "%s", connection->sqlstate);
    row->is_waiting = strcmp(sqlstate, SQLSTATE_FOREIGN_KEY) == 0;
    snprintf(row->reason, sizeof(row->reason), "%s", refusal.text);
    return connection_exec(
        connection, "ROLLBACK TO SAVEPOINT valise_row; RELEASE SAVEPOINT valise_row", err);
}

bool retry_row_insert(struct retry_row *row, struct connection *connection,
    const struct value_policies *policies, struct error *err)
{
    OWNED(loading) struct loading loading = {0};

    if (encode(&loading, row, policies, err))
        return insert(row, &loading, connection, err);
    row->is_waiting = false;
    snprintf(row->reason, sizeof(row->reason), "%s", err->text);
    return err->kind == ERROR_REFUSED;
}
