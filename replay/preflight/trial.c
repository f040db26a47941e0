#include "replay/preflight/trial.h"

#include "base/owned.h"
#include "base/stop.h"
#include "postgres/connection_copy.h"
#include "postgres/connection_transaction.h"
#include "postgres/quote.h"
#include "replay/values/plain_time.h"

#include <stdio.h>
#include <stdlib.h>

#define STAGE_NAME "valise_stage"
#define STAGE "pg_temp." STAGE_NAME
#define BATCH_SIZE ((uint64_t)64 << 20) /* raw bytes tried at a time */

/* --- the rows that take part ------------------------------------------------ */

void trial_rows_begin_blocks(
    struct trial_rows *rows, const struct trial *trial, size_t first, size_t count)
{
    rows->trial = trial;
    copy_encoder_init(&rows->encoder, trial->columns, trial->column_count);
    source_rows_begin_blocks(
        &rows->source, trial->preflight->input->reader, trial->table->source, first, count);
}

void trial_rows_begin(struct trial_rows *rows, const struct trial *trial)
{
    const struct dump_reader *reader = trial->preflight->input->reader;

    trial_rows_begin_blocks(rows, trial, reader->first_block[trial->table->source],
        reader->block_count[trial->table->source]);
}

void trial_rows_release(struct trial_rows *rows)
{
    copy_encoder_release(&rows->encoder);
    source_rows_release(&rows->source);
}

static bool is_large(const struct trial *trial, const struct value *values)
{
    uint64_t size = 0;

    for (size_t i = 0; i < trial->column_count; i++) {
        const struct value *value = &values[trial->columns[i].source];

        size += 24;
        if (value->class == VALUE_TEXT || value->class == VALUE_BLOB)
            size += value->size;
    }
    return size >= TRIAL_PLAN_SIZE_MIN;
}

static bool takes_part(const struct trial_rows *rows, const struct value *values)
{
    const struct trial *trial = rows->trial;

    if (rejects_find(&trial->table->rejects, &rows->source) != NULL)
        return false;
    if (trial->opaque != NULL)
        return values[trial->opaque->source].class != VALUE_NULL
               && !plain_time_fits(&trial->opaque->type, &values[trial->opaque->source]);
    return !trial->is_of_size || is_large(trial, values);
}

bool trial_rows_next(struct trial_rows *rows, const struct value **values, struct error *err)
{
    for (;;) {
        size_t size = rows->encoder.data.size;

        if (!source_rows_next(&rows->source, values, err)
            || (rows->source.row_number % 4096 == 0 && !stop_check(err)))
            return false;
        if (*values == NULL)
            return true;
        if (!takes_part(rows, *values))
            continue;
        if (copy_encoder_row(&rows->encoder, *values, err))
            return true;
        if (err->kind != ERROR_REFUSED)
            return false;
        rows->encoder.data.size = size; /* it was found to be bad before */
    }
}

/* --- sending ------------------------------------------------------------------ */

/* Some blocks of the table. */
struct range {
    size_t first;
    size_t count;
};

static void put_column(struct byte_buffer *sql, const struct trial *trial, size_t i, bool is_staged)
{
    char name[24];

    snprintf(name, sizeof(name), "c%zu", i);
    quote_name(sql, is_staged ? name : trial->columns[i].type.column->name);
}

static void put_columns(struct byte_buffer *sql, const struct trial *trial, bool is_staged)
{
    for (size_t i = 0; i < trial->column_count; i++) {
        quote_plain(sql, i == 0 ? " (" : ", ");
        put_column(sql, trial, i, is_staged);
    }
    quote_plain(sql, ")");
}

static void put_target(struct byte_buffer *sql, const struct trial *trial, const char *stage)
{
    quote_qualified(sql, "pg_temp", stage == NULL ? trial->table->target->name : stage);
}

static bool put_rows(
    struct trial_rows *rows, struct connection_copy_in *stream, uint64_t *count, struct error *err)
{
    struct byte_buffer *data = &rows->encoder.data;
    const struct value *values;

    copy_encoder_begin(&rows->encoder);
    for (;;) {
        if (!trial_rows_next(rows, &values, err))
            return false;
        if (values == NULL)
            break;
        (*count)++;
        if (data->size < COPY_ENCODER_FLUSH_SIZE)
            continue;
        if (!connection_copy_in_put(stream, data->data, data->size, err))
            return false;
        data->size = 0;
    }
    copy_encoder_end(&rows->encoder);
    return connection_copy_in_put(stream, data->data, data->size, err);
}

/* Into the table itself (stage NULL), or as text into a stage. */
static bool send(const struct trial *trial, const struct range *range, const char *stage,
    uint64_t *count, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    OWNED(trial_rows) struct trial_rows rows = {0};
    OWNED(connection_copy_in) struct connection_copy_in stream = {0};

    *count = 0;
    trial_rows_begin_blocks(&rows, trial, range->first, range->count);
    rows.encoder.is_text = rows.encoder.is_text || stage != NULL;
    quote_plain(&sql, "COPY ");
    put_target(&sql, trial, stage);
    put_columns(&sql, trial, stage != NULL);
    quote_plain(&sql, rows.encoder.is_text ? " FROM STDIN" : " FROM STDIN (FORMAT binary)");
    return connection_copy_in_begin(&stream, trial->preflight->connection, quote_text(&sql), err)
           && put_rows(&rows, &stream, count, err) && connection_copy_in_commit(&stream, NULL, err);
}

/* --- all at once ---------------------------------------------------------------- */

static bool create(const struct trial *trial, struct error *err)
{
    return connection_exec(trial->preflight->connection, trial->create, err);
}

static bool create_indexes(const struct trial *trial, struct error *err)
{
    return trial->indexes[0] == '\0'
           || connection_exec(trial->preflight->connection, trial->indexes, err);
}

static bool try_all(
    const struct trial *trial, const struct range *range, uint64_t *count, struct error *err)
{
    OWNED(connection_transaction) struct connection_transaction transaction = {0};

    return connection_transaction_begin(&transaction, trial->preflight->connection, NULL, err)
           && create(trial, err) && send(trial, range, NULL, count, err)
           && create_indexes(trial, err);
}

/* --- piece by piece ------------------------------------------------------------------ */

/* What is no fault of a row goes on as an error. */
static const char try_head[] =
    "CREATE FUNCTION pg_temp.valise_try(OUT refused bigint, OUT state text, OUT broken text,"
    " OUT message text) RETURNS SETOF record LANGUAGE plpgsql AS $valise$"
    " DECLARE a bigint; b bigint; size bigint := 1000; row_count bigint;"
    " BEGIN"
    "  SET CONSTRAINTS ALL IMMEDIATE;"
    "  SELECT max(valise_row) INTO row_count FROM " STAGE ";"
    "  a := 1;"
    "  WHILE a <= row_count LOOP"
    "   b := a + size - 1;"
    "   BEGIN"
    "    ";
static const char try_tail[] =
    "    a := b + 1;"
    "    size := 1000;"
    "   EXCEPTION WHEN OTHERS THEN"
    "    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, broken = CONSTRAINT_NAME,"
    "     message = MESSAGE_TEXT;"
    "    IF left(state, 2) IN ('25', '40', '53', '57', '58', 'XX') THEN RAISE; END IF;"
    "    IF size = 1 THEN"
    "     refused := a;"
    "     RETURN NEXT;"
    "     a := a + 1;"
    "    ELSE"
    "     size := CASE WHEN size = 1000 THEN 32 ELSE 1 END;"
    "    END IF;"
    "   END;"
    "  END LOOP;"
    " END $valise$";

void trial_put_staged(
    struct byte_buffer *sql, const struct trial *trial, const char *alias, size_t column)
{
    quote_plain(sql, alias);
    quote_plain(sql, ".");
    put_column(sql, trial, column, true);
    quote_plain(sql, "::");
    quote_plain(sql, trial->columns[column].type.column->type_text);
}

/* As its type, but without a length: a cast would cut it off, what is assigned is refused. */
static void put_assigned(struct byte_buffer *sql, const struct trial *trial, size_t column)
{
    const struct target_column *type = trial->columns[column].type.column;

    quote_plain(sql, "s.");
    put_column(sql, trial, column, true);
    quote_plain(sql, "::");
    quote_qualified(sql, type->base_type_namespace, type->base_type_name);
}

/* INSERT INTO the table SELECT the stage's texts as what they are to be. */
static void put_insert(struct byte_buffer *sql, const struct trial *trial)
{
    quote_plain(sql, "INSERT INTO ");
    put_target(sql, trial, NULL);
    put_columns(sql, trial, false);
    quote_plain(sql, " SELECT ");
    for (size_t i = 0; i < trial->column_count; i++) {
        quote_plain(sql, i == 0 ? "" : ", ");
        put_assigned(sql, trial, i);
    }
    quote_plain(
        sql, " FROM " STAGE " AS s WHERE s.valise_row BETWEEN a AND b ORDER BY s.valise_row;");
}

static bool create_stage(const struct trial *trial, const char *name, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    quote_plain(&sql, "CREATE TEMPORARY TABLE ");
    put_target(&sql, trial, name);
    quote_plain(&sql, " (valise_row bigserial PRIMARY KEY");
    for (size_t i = 0; i < trial->column_count; i++) {
        quote_plain(&sql, ", ");
        put_column(&sql, trial, i, true);
        quote_plain(&sql, " text");
    }
    quote_plain(&sql, ") ON COMMIT DROP");
    return connection_exec(trial->preflight->connection, quote_text(&sql), err);
}

static struct range all_blocks(const struct trial *trial)
{
    const struct dump_reader *reader = trial->preflight->input->reader;

    return (struct range){.first = reader->first_block[trial->table->source],
        .count = reader->block_count[trial->table->source]};
}

bool trial_stage(const struct trial *trial, const char *name, struct error *err)
{
    struct range range = all_blocks(trial);
    uint64_t count;

    return create_stage(trial, name, err) && send(trial, &range, name, &count, err);
}

static const char *keep(const struct trial *trial, const char *text)
{
    return arena_text(&trial->preflight->problems->arena, text == NULL ? "" : text);
}

static bool read_refusals(
    const struct trial *trial, uint64_t rows_before, struct trial_result *result, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    OWNED(connection_rows) struct connection_rows rows = {0};
    struct connection *connection = trial->preflight->connection;

    quote_plain(&sql, try_head);
    put_insert(&sql, trial);
    quote_plain(&sql, try_tail);
    if (!connection_exec(connection, quote_text(&sql), err)
        || !connection_query(connection,
            "SELECT refused, state, broken, message FROM pg_temp.valise_try() ORDER BY refused",
            NULL, &rows, err))
        return false;
    result->items = byte_buffer_realloc(
        result->items, (result->count + rows.row_count + 1) * sizeof(*result->items));
    for (size_t i = 0; i < rows.row_count; i++)
        result->items[result->count++] = (struct trial_refusal){
            .row = rows_before + (uint64_t)connection_rows_integer(&rows, i, 0),
            .sqlstate = keep(trial, connection_rows_text(&rows, i, 1)),
            .constraint = keep(trial, connection_rows_text(&rows, i, 2)),
            .message = keep(trial, connection_rows_text(&rows, i, 3)),
        };
    return true;
}

static bool try_each(const struct trial *trial, const struct range *range, uint64_t *row_count,
    struct trial_result *result, struct error *err)
{
    OWNED(connection_transaction) struct connection_transaction transaction = {0};
    uint64_t count;

    if (!connection_transaction_begin(&transaction, trial->preflight->connection, NULL, err)
        || !create(trial, err) || !create_indexes(trial, err)
        || !create_stage(trial, STAGE_NAME, err) || !send(trial, range, STAGE_NAME, &count, err)
        || !read_refusals(trial, *row_count, result, err))
        return false;
    *row_count += count;
    return true;
}

/* --- both -------------------------------------------------------------------------- */

void trial_result_release(struct trial_result *result)
{
    free(result->items);
    *result = (struct trial_result){0};
}

bool trial_lacks_name(const char *sqlstate)
{
    static const char *const states[] = {"42883", "42P01", "42704"};

    for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++)
        if (strcmp(sqlstate, states[i]) == 0)
            return true;
    return false;
}

/* Errors that no row has caused end the replay. */
bool trial_is_verdict(const struct trial *trial, const struct error *err)
{
    return err->kind == ERROR_DATABASE && !connection_is_lost(trial->preflight->connection);
}

/* Fails with what is no verdict; else `result` says why nothing was found, if so. */
static bool try_range(const struct trial *trial, const struct range *range, uint64_t *row_count,
    struct trial_result *result, struct error *err)
{
    uint64_t count = 0;
    const char *sqlstate = trial->preflight->connection->sqlstate;
    size_t known = result->count;
    struct error refusal;

    if (try_all(trial, range, &count, err)) {
        *row_count += count;
        return true;
    }
    if (!trial_is_verdict(trial, err))
        return false;
    refusal = *err;
    result->lacks_name = trial_lacks_name(sqlstate);
    if (!try_each(trial, range, row_count, result, err)) {
        if (!trial_is_verdict(trial, err))
            return false;
        result->failure = keep(trial, err->text);
        result->lacks_name = trial_lacks_name(sqlstate);
    } else if (result->count == known) {
        result->failure = keep(trial, refusal.text);
    }
    return true;
}

/* As many blocks as are tried at a time. */
static struct range next_range(const struct trial *trial, size_t first, size_t end)
{
    const struct dump_reader *reader = trial->preflight->input->reader;
    struct range range = {.first = first};
    uint64_t size = 0;

    while (first + range.count < end && (trial->needs_all_rows_at_once || size < BATCH_SIZE))
        size += reader->index.entries[first + range.count++].raw_size;
    return range;
}

bool trial_run(const struct trial *trial, struct trial_result *result, struct error *err)
{
    const struct dump_reader *reader = trial->preflight->input->reader;
    size_t at = reader->first_block[trial->table->source];
    size_t end = at + reader->block_count[trial->table->source];
    uint64_t row_count = 0;

    while (at < end && result->failure == NULL) {
        struct range range = next_range(trial, at, end);

        if (!try_range(trial, &range, &row_count, result, err))
            return error_wrap(err, "table \"%s\", tried beforehand", trial->table->name);
        at += range.count;
    }
    return true;
}
