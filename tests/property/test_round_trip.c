/* Decoding what was encoded gives it back, for whatever a sample can be. */
#include "base/owned.h"
#include "format/rows_block.h"
#include "format/rows_encoder.h"
#include "tests/property/sample.h"
#include "tests/unit/unit.h"
#include "tools/dump_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ROUND_COUNT 300

static struct random_source random_source;

static void check_rows(struct byte_reader body, const struct rows_input *input)
{
    OWNED(rows_block) struct rows_block block = {0};
    OWNED(byte_buffer) struct byte_buffer found = {0};
    struct value *values = byte_buffer_calloc(input->column_count, sizeof(*values));
    struct error err;

    ASSERT_DONE(rows_block_decode(&block, &body, input->column_count, &err), err);
    assert_int_equal(block.table, input->table);
    assert_int_equal(block.row_count, input->row_count);
    assert_int_equal(block.removed_count, input->removed_count);
    while (rows_block_next(&block, values))
        for (uint32_t i = 0; i < input->column_count; i++)
            value_encode(&found, &values[i]);
    assert_int_equal(found.size, input->size);
    assert_memory_equal(found.data, input->bytes, found.size);
    found.size = 0;
    rows_block_rewind(&block);
    while (rows_block_append(&block, &found))
        ;
    assert_int_equal(found.size, input->size);
    assert_memory_equal(found.data, input->bytes, found.size);
    free(values);
}

static void rows(void **state)
{
    struct rows_encoder *encoder = rows_encoder_open();

    (void)state;
    for (int i = 0; i < ROUND_COUNT; i++) {
        OWNED(byte_buffer) struct byte_buffer bytes = {0};
        OWNED(byte_buffer) struct byte_buffer first = {0};
        OWNED(byte_buffer) struct byte_buffer second = {0};
        struct rows_input input = {.table = (uint32_t)random_source_next(&random_source),
            .column_count = 1 + (uint32_t)random_source_size(&random_source, 40),
            .row_count = 1 + (uint32_t)random_source_below(&random_source, 1500)};

        sample_make_rows(&bytes, &random_source, input.column_count, input.row_count,
            (uint32_t)random_source_size(&random_source, 3000));
        input.bytes = bytes.data;
        input.size = bytes.size;
        input.removed_count =
            (uint32_t)random_source_below(&random_source, (uint64_t)input.row_count + 1);
        rows_encoder_encode(encoder, &first, &input);
        rows_encoder_encode(encoder, &second, &input);
        assert_int_equal(first.size, second.size);
        assert_memory_equal(first.data, second.data, first.size);
        check_rows(byte_reader_over(first.data, first.size), &input);
    }
    rows_encoder_close(encoder);
}

static void schemas(void **state)
{
    const struct sample_limits limits = {.table_count = 10, .column_count = 60};

    (void)state;
    for (int i = 0; i < ROUND_COUNT; i++) {
        OWNED(sample) struct sample sample = {0};
        OWNED(schema) struct schema found = {0};
        OWNED(byte_buffer) struct byte_buffer first = {0};
        OWNED(byte_buffer) struct byte_buffer second = {0};
        struct byte_reader r;
        struct error err;

        sample_make(&sample, &random_source, &limits);
        schema_encode(&first, &sample.schema);
        r = byte_reader_over(first.data, first.size);
        ASSERT_DONE(schema_decode(&found, &r, &err), err);
        schema_encode(&second, &found);
        assert_int_equal(first.size, second.size);
        assert_memory_equal(first.data, second.data, first.size);
    }
}

static void table_ends(void **state)
{
    (void)state;
    for (int i = 0; i < ROUND_COUNT; i++) {
        OWNED(arena) struct arena arena = {0};
        OWNED(byte_buffer) struct byte_buffer bytes = {0};
        struct table_end end;
        struct table_end found;
        struct byte_reader r;
        struct error err;

        random_source_fill(&random_source, (uint8_t *)&end, sizeof(end));
        end.change = (enum table_change)random_source_below(&random_source, 3);
        end.column_count = (uint32_t)random_source_below(&random_source, 50);
        end.facts = arena_alloc(&arena, end.column_count, sizeof(*end.facts));
        random_source_fill(
            &random_source, (uint8_t *)end.facts, end.column_count * sizeof(*end.facts));
        table_end_encode(&bytes, &end);
        r = byte_reader_over(bytes.data, bytes.size);
        ASSERT_DONE(table_end_decode(&found, &arena, &r, end.column_count, &err), err);
        assert_int_equal(found.table, end.table);
        assert_int_equal(found.change, end.change);
        assert_true(found.row_count == end.row_count && found.size == end.size);
        assert_true(checksum_equal(found.sum, end.sum));
        assert_memory_equal(found.facts, end.facts, end.column_count * sizeof(*end.facts));
    }
}

static void fixed_parts(void **state)
{
    (void)state;
    for (int i = 0; i < ROUND_COUNT; i++) {
        struct header header = {.version = FORMAT_VERSION, .kind = DUMP_DELTA};
        struct tail tail = {.index_block_count = 1};
        uint8_t bytes[HEADER_SIZE];
        struct header found_header = {0};
        struct tail found_tail = {0};
        struct error err;

        header.optional_features = random_source_next(&random_source);
        random_source_fill(&random_source, header.from_state, SHA256_SIZE);
        header_encode(bytes, &header);
        ASSERT_DONE(header_decode(&found_header, bytes, sizeof(bytes), &err), err);
        assert_memory_equal(&found_header, &header, sizeof(header));

        tail.file_size = 1000 + random_source_below(&random_source, UINT64_MAX - 1000);
        tail.index_offset =
            HEADER_SIZE + random_source_below(&random_source, tail.file_size - 2 * TAIL_SIZE);
        tail.block_count = 2 + (uint32_t)random_source_below(&random_source, 1000000);
        random_source_fill(&random_source, tail.state_id, SHA256_SIZE);
        random_source_fill(&random_source, tail.digest, SHA256_SIZE);
        tail_encode(bytes, &tail);
        ASSERT_DONE(tail_decode(&found_tail, bytes, tail.file_size, &err), err);
        assert_memory_equal(&found_tail, &tail, sizeof(tail));
    }
}

static void dumps(void **state)
{
    const struct sample_limits limits = {
        .table_count = 8, .column_count = 10, .row_count = 200, .value_size = 2000};
    char path[] = "/tmp/test_round_trip.XXXXXX";
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    for (int i = 0; i < ROUND_COUNT / 10; i++) {
        OWNED(sample) struct sample sample = {0};
        OWNED(dump_check) struct dump_check check = {0};
        struct error err;

        sample_make(&sample, &random_source, &limits);
        ASSERT_DONE(sample_write(&sample, path, 1 + i % 9,
                        1 + (uint32_t)random_source_below(&random_source, 100), &err),
            err);
        ASSERT_DONE(sample_read(&sample, path, &err), err);
        ASSERT_DONE(dump_check_run(&check, path, 2, NULL, &err), err);
        if (check.damage_count > 0)
            fail_msg("%s", check.damages[0].err.text);
    }
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows),
        cmocka_unit_test(schemas),
        cmocka_unit_test(table_ends),
        cmocka_unit_test(fixed_parts),
        cmocka_unit_test(dumps),
    };

    random_source = random_source_open();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
