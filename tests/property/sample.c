#include "tests/property/sample.h"

#include "base/owned.h"
#include "format/block.h"
#include "format/rows_encoder.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sample_release(struct sample *sample)
{
    for (uint32_t i = 0; sample->tables != NULL && i < sample->schema.table_count; i++)
        byte_buffer_release(&sample->tables[i].rows);
    free(sample->tables);
    schema_release(&sample->schema);
    *sample = (struct sample){0};
}

/* --- schema --------------------------------------------------------------- */

/* Names as people give them, and as nobody should. */
static struct schema_text make_name(
    struct arena *arena, struct random_source *random, uint32_t number)
{
    static const char *const odd[] = {"", " ", "\"", "'", "select", "a b", "\x1b[31mred",
        "\xff\xfe", "\xc3\xa9t\xc3\xa9", "\xe8\xa1\xa8", "%s%n", "\n"};
    char name[64];

    snprintf(name, sizeof(name), "%s%" PRIu32,
        random_source_once_in(random, 3)
            ? odd[random_source_below(random, sizeof(odd) / sizeof(odd[0]))]
            : "t",
        number);
    /* A NUL in the middle of a name. */
    if (random_source_once_in(random, 20))
        name[0] = '\0';
    return schema_text_of(arena, name, 1 + strlen(name + 1));
}

static struct schema_text make_text(
    struct arena *arena, struct random_source *random, size_t size_max)
{
    OWNED(byte_buffer) struct byte_buffer bytes = {0};
    size_t size = random_source_size(random, size_max);

    byte_buffer_reserve(&bytes, size + 1);
    random_source_fill(random, bytes.data, size);
    return schema_text_of(arena, bytes.data, size);
}

static void make_column(struct schema_column *column, struct arena *arena,
    struct random_source *random, uint32_t number)
{
    static const char *const types[] = {"", "TEXT", "INTEGER", "BIGINT", "REAL", "BLOB", "BOOLEAN"};
    const char *type = types[random_source_below(random, sizeof(types) / sizeof(types[0]))];

    column->name = make_name(arena, random, number);
    column->type = schema_text_of(arena, type, strlen(type));
    column->not_null = random_source_once_in(random, 3);
    column->generated = (enum schema_generated)(
        random_source_once_in(random, 8) ? 1 + random_source_below(random, 2) : 0);
    column->primary_key = number == 0 ? (uint32_t)random_source_below(random, 2) : 0;
    column->has_default = random_source_once_in(random, 4);
    if (column->has_default)
        column->default_sql = make_text(arena, random, 40);
}

static void make_table(
    struct schema *schema, uint32_t i, struct random_source *random, uint32_t column_max)
{
    struct schema_table *table = &schema->tables[i];

    table->name = make_name(&schema->arena, random, i);
    table->kind = random_source_once_in(random, 6)
                      ? (enum schema_table_kind)(1 + random_source_below(random, 4))
                      : SCHEMA_TABLE_ORDINARY;
    table->without_rowid = random_source_once_in(random, 5);
    table->strict = random_source_once_in(random, 5);
    table->column_count = 1 + (uint32_t)random_source_size(random, column_max);
    table->columns = arena_alloc(&schema->arena, table->column_count, sizeof(*table->columns));
    for (uint32_t k = 0; k < table->column_count; k++)
        make_column(&table->columns[k], &schema->arena, random, k);
}

static void make_schema(
    struct schema *schema, struct random_source *random, const struct sample_limits *limits)
{
    schema->encoding = (enum schema_encoding)(1 + random_source_below(random, 3));
    schema->user_version = (int32_t)random_source_next(random);
    schema->application_id = (int32_t)random_source_next(random);
    schema->page_size = 512u << random_source_below(random, 8);
    schema->auto_vacuum = (uint32_t)random_source_below(random, 3);
    schema->is_wal = random_source_once_in(random, 2);
    schema->table_count = (uint32_t)random_source_below(random, (uint64_t)limits->table_count + 1);
    schema->tables = arena_alloc(&schema->arena, schema->table_count, sizeof(*schema->tables));
    for (uint32_t i = 0; i < schema->table_count; i++)
        make_table(schema, i, random, limits->column_count);
    schema->entry_count = (uint32_t)random_source_below(random, 2 * (uint64_t)limits->table_count);
    schema->entries = arena_alloc(&schema->arena, schema->entry_count, sizeof(*schema->entries));
    for (uint32_t i = 0; i < schema->entry_count; i++) {
        struct schema_entry *entry = &schema->entries[i];

        entry->type = (enum schema_entry_type)(1 + random_source_below(random, 4));
        entry->name = make_name(&schema->arena, random, i);
        entry->table = make_name(&schema->arena, random, i);
        entry->has_sql = !random_source_once_in(random, 4);
        if (entry->has_sql)
            entry->sql = make_text(&schema->arena, random, 200);
    }
    schema_sort(schema);
}

/* --- rows ------------------------------------------------------------------- */

/* What the values of one column are like. */
struct habit {
    unsigned class_mask; /* classes that occur, a bit each */
    unsigned variety;    /* how many different values; 0: any */
    bool is_rising;
    uint64_t seed;
};

static int64_t make_integer(struct random_source *random)
{
    static const int64_t odd[] = {
        0, 1, -1, INT64_MIN, INT64_MAX, INT32_MIN, INT32_MAX, (int64_t)UINT32_MAX + 1};

    switch (random_source_below(random, 4)) {
    case 0:
        return odd[random_source_below(random, sizeof(odd) / sizeof(odd[0]))];
    case 1:
        return (int64_t)random_source_next(random);
    default:
        return (int64_t)random_source_below(random, 1000) - 500;
    }
}

static double make_real(struct random_source *random)
{
    static const double odd[] = {
        0.0, -0.0, 1.0, -1.5, 0x1p63, -0x1p63, 1e308, 5e-324, 0.1, 1e15, 1.0 / 0.0, -1.0 / 0.0};
    uint64_t bits;
    double real;

    if (!random_source_once_in(random, 3))
        return odd[random_source_below(random, sizeof(odd) / sizeof(odd[0]))];
    do {
        bits = random_source_next(random);
        memcpy(&real, &bits, sizeof(real));
    } while (real != real);
    return real;
}

/* Fills value; its bytes are in the buffer that keeps them until it is used again. */
static void make_value(struct value *value, struct byte_buffer *bytes, struct random_source *random,
    const struct habit *habit, uint32_t value_size)
{
    static const char *const texts[] = {
        "", "a", "$event:example.org", "\xc3\xa9", "\xed\xa0\x80", "\xff", "@alice:example.org"};
    struct random_source own = {.state = habit->seed + random_source_below(random, habit->variety)};
    struct random_source *source = habit->variety > 0 ? &own : random;
    unsigned class;

    do {
        class = (unsigned)random_source_below(random, VALUE_CLASS_COUNT);
    } while ((habit->class_mask & 1u << class) == 0);
    *value = (struct value){.class = (enum value_class) class};
    if (class == VALUE_INTEGER)
        value->integer = make_integer(source);
    if (class == VALUE_REAL)
        value->real = make_real(source);
    if (class != VALUE_TEXT && class != VALUE_BLOB)
        return;
    bytes->size = 0;
    if (random_source_once_in(source, 2)) {
        const char *text = texts[random_source_below(source, sizeof(texts) / sizeof(texts[0]))];

        byte_buffer_put(bytes, text, strlen(text));
    } else {
        size_t size = random_source_size(source, (uint64_t)value_size + 1);

        byte_buffer_reserve(bytes, size + 1);
        random_source_fill(source, bytes->data, size);
        bytes->size = size;
    }
    value->bytes = bytes->data;
    value->size = (uint32_t)bytes->size;
}

static struct habit *make_habits(struct random_source *random, uint32_t column_count)
{
    struct habit *habits = byte_buffer_calloc(column_count, sizeof(*habits));

    for (uint32_t i = 0; i < column_count; i++) {
        habits[i].class_mask = random_source_once_in(random, 3)
                                   ? 1 + (unsigned)random_source_below(random, 31)
                                   : 1u << random_source_below(random, VALUE_CLASS_COUNT);
        habits[i].variety =
            random_source_once_in(random, 2) ? 1 + (unsigned)random_source_below(random, 20) : 0;
        habits[i].is_rising = random_source_once_in(random, 3);
        habits[i].seed = random_source_next(random);
    }
    return habits;
}

void sample_make_rows(struct byte_buffer *rows, struct random_source *random, uint32_t column_count,
    uint32_t row_count, uint32_t value_size)
{
    OWNED(byte_buffer) struct byte_buffer bytes = {0};
    struct habit *habits = make_habits(random, column_count);

    for (uint32_t row = 0; row < row_count; row++) {
        for (uint32_t i = 0; i < column_count; i++) {
            struct value value;

            make_value(&value, &bytes, random, &habits[i], value_size);
            if (value.class == VALUE_INTEGER && habits[i].is_rising)
                value.integer = (int64_t)(habits[i].seed + 3 * (uint64_t)row);
            value_encode(rows, &value);
        }
    }
    free(habits);
}

/* --- writing ------------------------------------------------------------------ */

/* The canonical size of the row at the reader, which moves behind it. */
static size_t skip_row(struct byte_reader *r, uint32_t column_count, struct column_facts *facts)
{
    const uint8_t *start = r->next;

    for (uint32_t i = 0; i < column_count; i++) {
        struct value value = value_decode(r);

        if (facts != NULL)
            table_end_observe(&facts[i], &value);
    }
    assert(!r->overrun);
    return (size_t)(r->next - start);
}

static struct hash128 sum_rows(const uint8_t *bytes, size_t size, uint32_t column_count,
    struct column_facts *facts, uint64_t *cut)
{
    struct byte_reader r = byte_reader_over(bytes, size);
    struct hash128 sum = {0};

    while (byte_reader_left(&r) > 0) {
        const uint8_t *start = r.next;
        struct hash128 hash = checksum_xxh3(start, skip_row(&r, column_count, facts));

        sum = checksum_add(sum, hash);
        *cut = hash.low;
    }
    return sum;
}

void sample_make(
    struct sample *sample, struct random_source *random, const struct sample_limits *limits)
{
    uint64_t ignored;

    make_schema(&sample->schema, random, limits);
    sample->tables = byte_buffer_calloc(sample->schema.table_count, sizeof(*sample->tables));
    for (uint32_t i = 0; i < sample->schema.table_count; i++) {
        const struct schema_table *table = &sample->schema.tables[i];
        struct sample_table *rows = &sample->tables[i];

        if (!schema_table_has_rows(table))
            continue;
        rows->row_count = (uint32_t)random_source_below(random, (uint64_t)limits->row_count + 1);
        sample_make_rows(
            &rows->rows, random, table->column_count, rows->row_count, limits->value_size);
        rows->sum = sum_rows(rows->rows.data, rows->rows.size, table->column_count, NULL, &ignored);
    }
}

/* What writing rows needs, and where the writer is. */
struct output {
    struct dump_writer *writer;
    struct rows_encoder *encoder;
    struct block_codec codec;
    struct byte_buffer raw;
    struct byte_buffer frame;
    uint32_t number; /* of the next block */
    int level;
};

static bool write_chunk(struct output *out, const struct rows_input *input, struct error *err)
{
    struct index_entry entry = {
        .type = BLOCK_ROWS, .table = input->table, .row_count = input->row_count};

    block_begin(&out->raw, BLOCK_ROWS, out->number++);
    rows_encoder_encode(out->encoder, &out->raw, input);
    entry.raw_size = (uint32_t)out->raw.size;
    entry.checksum = checksum_xxh3(out->raw.data, out->raw.size);
    entry.sum = sum_rows(input->bytes, input->size, input->column_count, NULL, &entry.cut);
    block_compress(&out->codec, &out->frame, &out->raw, out->level);
    return dump_writer_append(out->writer, &entry, &out->frame, err);
}

static bool write_table(struct output *out, const struct sample *sample, uint32_t ordinal,
    uint32_t chunk_row_count, struct error *err)
{
    const struct schema_table *table = &sample->schema.tables[ordinal];
    const struct sample_table *rows = &sample->tables[ordinal];
    struct byte_reader r = byte_reader_over(rows->rows.data, rows->rows.size);
    struct table_end end = {.table = ordinal,
        .row_count = rows->row_count,
        .sum = rows->sum,
        .size = rows->rows.size,
        .column_count = table->column_count};
    bool done = true;

    end.facts = byte_buffer_calloc(table->column_count, sizeof(*end.facts));
    while (done && byte_reader_left(&r) > 0) {
        struct rows_input input = {
            .table = ordinal, .column_count = table->column_count, .bytes = r.next};

        for (; input.row_count < chunk_row_count && byte_reader_left(&r) > 0; input.row_count++)
            input.size += skip_row(&r, table->column_count, end.facts);
        done = write_chunk(out, &input, err);
    }
    done = done && dump_writer_table_end(out->writer, &end, err);
    out->number++;
    free(end.facts);
    return done;
}

bool sample_write(const struct sample *sample, const char *path, int level,
    uint32_t chunk_row_count, struct error *err)
{
    struct dump_writer_options options = {.path = path, .kind = DUMP_FULL, .level = level};
    struct dump_writer_result result;
    struct output out = {.number = 1, .level = level};
    bool done = dump_writer_open(&out.writer, &options, &sample->schema, err);

    if (!done)
        return false;
    out.encoder = rows_encoder_open();
    for (uint32_t i = 0; done && i < sample->schema.table_count; i++)
        if (schema_table_has_rows(&sample->schema.tables[i]))
            done = write_table(&out, sample, i, chunk_row_count, err);
    done = done && dump_writer_commit(out.writer, &result, err);
    rows_encoder_close(out.encoder);
    block_codec_release(&out.codec);
    byte_buffer_release(&out.raw);
    byte_buffer_release(&out.frame);
    dump_writer_close(out.writer);
    return done;
}

/* --- reading ---------------------------------------------------------------- */

/* Appends the canonical bytes of the rows in buffer->rows. */
static void gather(struct byte_buffer *rows, struct dump_buffer *buffer)
{
    uint32_t column_count = buffer->rows.column_count;
    struct value *values = byte_buffer_calloc(column_count, sizeof(*values));

    while (rows_block_next(&buffer->rows, values))
        for (uint32_t i = 0; i < column_count; i++)
            value_encode(rows, &values[i]);
    free(values);
}

static bool read_table(const struct sample *sample, const struct dump_reader *reader,
    uint32_t ordinal, struct dump_buffer *buffer, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer rows = {0};
    const struct byte_buffer *wanted;

    for (size_t i = 0; i < reader->block_count[ordinal]; i++) {
        if (!dump_reader_rows(reader, reader->first_block[ordinal] + i, buffer, err))
            return false;
        gather(&rows, buffer);
    }
    if (sample == NULL)
        return true;
    wanted = &sample->tables[ordinal].rows;
    if (rows.size != wanted->size
        || (rows.size > 0 && memcmp(rows.data, wanted->data, rows.size) != 0))
        return error_set(err, ERROR_MISMATCH, "table %" PRIu32 ": other rows were read", ordinal);
    return true;
}

bool sample_read(const struct sample *sample, const char *path, struct error *err)
{
    OWNED(dump_reader) struct dump_reader reader = {0};
    OWNED(dump_buffer) struct dump_buffer buffer = {0};

    if (!dump_reader_open(&reader, path, err) || !dump_reader_check_digest(&reader, err))
        return false;
    if (sample != NULL && sample->schema.table_count != reader.schema.table_count)
        return error_set(err, ERROR_MISMATCH, "other tables were read");
    for (uint32_t i = 0; i < reader.schema.table_count; i++)
        if (!read_table(sample, &reader, i, &buffer, err))
            return false;
    return true;
}
