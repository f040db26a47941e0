#include "tests/unit/chain_sample.h"

#include "base/owned.h"
#include "format/rows_writer.h"
#include "format/value.h"

#include <stdio.h>
#include <string.h>

static struct schema_text text_of(struct schema *schema, const char *text)
{
    return schema_text_of(&schema->arena, text, strlen(text));
}

void chain_sample_schema(struct schema *out, const char *const *names)
{
    uint32_t count = 0;

    while (names[count] != NULL)
        count++;
    *out = (struct schema){.encoding = SCHEMA_ENCODING_UTF8, .page_size = 4096};
    out->table_count = count;
    out->tables = arena_alloc(&out->arena, count, sizeof(*out->tables));
    for (uint32_t i = 0; i < count; i++) {
        struct schema_table *table = &out->tables[i];

        table->name = text_of(out, names[i]);
        table->kind = SCHEMA_TABLE_ORDINARY;
        table->column_count = 1;
        table->columns = arena_alloc(&out->arena, 1, sizeof(*table->columns));
        table->columns[0].name = text_of(out, "a");
        table->columns[0].type = text_of(out, "INTEGER");
        table->columns[0].default_sql = text_of(out, "");
    }
}

struct hash128 chain_sample_row(struct byte_buffer *out, int number)
{
    struct value value = {.class = VALUE_INTEGER, .integer = number};
    size_t before = out->size;

    value_encode(out, &value);
    return checksum_xxh3(out->data + before, out->size - before);
}

struct hash128 chain_sample_sum(const int *rows, uint64_t *row_count)
{
    OWNED(byte_buffer) struct byte_buffer row = {0};
    struct hash128 sum = {0};

    for (*row_count = 0; rows[*row_count] != 0; (*row_count)++)
        sum = checksum_add(sum, chain_sample_row(&row, rows[*row_count]));
    return sum;
}

static bool add(struct rows_writer *out, const int *rows, bool is_removed, struct error *err)
{
    for (size_t i = 0; rows != NULL && rows[i] != 0; i++) {
        OWNED(byte_buffer) struct byte_buffer bytes = {0};
        struct hash128 hash = chain_sample_row(&bytes, rows[i]);
        struct rows_writer_row row = {bytes.data, bytes.size, hash, is_removed};

        if (!rows_writer_add(out, &row, err))
            return false;
    }
    return true;
}

/* What both kinds of dump have in common. */
struct writing {
    struct schema schema;
    struct dump_writer *writer;
    struct rows_writer *out;
};

static void writing_release(struct writing *writing)
{
    rows_writer_close(writing->out);
    dump_writer_close(writing->writer);
    schema_release(&writing->schema);
}

static bool begin(
    struct writing *writing, const struct dump_writer_options *options, struct error *err)
{
    const char *const names[] = {"t", NULL};
    struct rows_writer_options rows = {.schema = &writing->schema, .thread_count = 2, .level = 1};

    chain_sample_schema(&writing->schema, names);
    if (!dump_writer_open(&writing->writer, options, &writing->schema, err))
        return false;
    rows.writer = writing->writer;
    if (!rows_writer_open(&writing->out, &rows, err))
        return false;
    rows_writer_begin(writing->out, 0);
    return true;
}

static bool finish(struct writing *writing, uint8_t state[SHA256_SIZE], struct error *err)
{
    struct dump_writer_result result;

    if (!rows_writer_finish(writing->out, err)
        || !dump_writer_commit(writing->writer, &result, err))
        return false;
    memcpy(state, result.state_id, SHA256_SIZE);
    return true;
}

bool chain_sample_full(
    const char *path, const int *const *blocks, uint8_t state[SHA256_SIZE], struct error *err)
{
    struct dump_writer_options options = {.path = path, .kind = DUMP_FULL, .level = 1};
    OWNED(writing) struct writing writing = {0};
    struct table_end end = {.change = TABLE_WHOLE};

    if (!begin(&writing, &options, err))
        return false;
    for (size_t i = 0; blocks[i] != NULL; i++) {
        uint64_t row_count;

        end.sum = checksum_add(end.sum, chain_sample_sum(blocks[i], &row_count));
        end.row_count += row_count;
        if (!add(writing.out, blocks[i], false, err) || !rows_writer_cut(writing.out, err))
            return false;
    }
    return rows_writer_end(writing.out, &end, NULL, NULL, err) && finish(&writing, state, err);
}

static bool put_units(struct writing *writing, const struct chain_sample_delta *delta,
    struct units *units, struct error *err)
{
    for (size_t i = 0; i < delta->unit_count; i++) {
        const struct chain_sample_unit *unit = &delta->units[i];
        uint32_t before = rows_writer_block_count(writing->out);
        struct chunk chunk = {0};
        uint64_t row_count;

        if (!add(writing->out, unit->removed, true, err)
            || !add(writing->out, unit->added, false, err) || !rows_writer_cut(writing->out, err))
            return false;
        units_append(units, unit->source_count, rows_writer_block_count(writing->out) - before);
        if (unit->rows == NULL)
            continue;
        chunk.sum = chain_sample_sum(unit->rows, &row_count);
        chunk.row_count = (uint32_t)row_count;
        units_append_chunk(units, &chunk);
    }
    return true;
}

bool chain_sample_write(
    const struct chain_sample_delta *delta, uint8_t state[SHA256_SIZE], struct error *err)
{
    struct dump_writer_options options = {.path = delta->path, .kind = DUMP_DELTA, .level = 1};
    OWNED(writing) struct writing writing = {0};
    OWNED(units) struct units units = {0};
    OWNED(byte_buffer) struct byte_buffer body = {0};
    struct table_end end = {.change = delta->change};

    memcpy(options.from_state, delta->from_state, SHA256_SIZE);
    end.sum = chain_sample_sum(delta->rows, &end.row_count);
    if (!begin(&writing, &options, err) || !put_units(&writing, delta, &units, err)
        || (delta->change == TABLE_WHOLE && !add(writing.out, delta->rows, false, err)))
        return false;
    units_encode(&body, 0, &units);
    return rows_writer_end(
               writing.out, &end, delta->change == TABLE_PATCH ? &body : NULL, NULL, err)
           && finish(&writing, state, err);
}
