#include "format/rows_writer.h"

#include "base/owned.h"
#include "format/dump_reader.h"
#include "tests/unit/rows_sample.h"
#include "tests/unit/temporary_folder.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A full dump of two tables; the second one gets rows of row_size bytes, in blocks of cut_count. */
struct wanted {
    unsigned thread_count;
    uint32_t row_count;
    size_t row_size;
    uint32_t cut_count;
};

static bool put_rows(
    struct rows_writer *rows, const struct wanted *wanted, struct table_end *end, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer text = {0};

    byte_buffer_reserve(&text, wanted->row_size);
    memset(text.data, 'x', wanted->row_size);
    for (uint32_t i = 0; i < wanted->row_count; i++) {
        OWNED(byte_buffer) struct byte_buffer bytes = {0};
        struct value value = {
            .class = VALUE_TEXT, .size = (uint32_t)wanted->row_size, .bytes = text.data};
        struct rows_writer_row row = {0};

        snprintf((char *)text.data, wanted->row_size, "%u", i);
        value_encode(&bytes, &value);
        row.bytes = bytes.data;
        row.size = bytes.size;
        row.hash = checksum_xxh3(bytes.data, bytes.size);
        end->sum = checksum_add(end->sum, row.hash);
        end->row_count++;
        if (!rows_writer_add(rows, &row, err)
            || (i % wanted->cut_count == wanted->cut_count - 1 && !rows_writer_cut(rows, err)))
            return false;
    }
    return true;
}

static void write_dump(const struct wanted *wanted, const char *path)
{
    const struct rows_writer_options options = {.thread_count = wanted->thread_count};
    struct table_end end = {0};
    struct rows_written written = {0};
    struct rows_sample sample;
    struct error err;

    rows_sample_open(&sample, path, &options);
    rows_sample_begin_b(&sample);
    ASSERT_DONE(put_rows(sample.rows, wanted, &end, &err), err);
    ASSERT_DONE(rows_writer_end(sample.rows, &end, NULL, &written, &err), err);
    rows_sample_commit(&sample);
    assert_true(written.is_whole);
    assert_int_equal(written.row_count, wanted->row_count);
    assert_true(checksum_equal(written.sum, end.sum));
    rows_sample_close(&sample);
}

/* Reads it back: blocks in order, rows in order. */
static void check_dump(const struct wanted *wanted, const char *path, size_t block_count)
{
    OWNED(dump_reader) struct dump_reader reader = {0};
    OWNED(dump_buffer) struct dump_buffer buffer = {0};
    struct error err;
    uint32_t row = 0;

    ASSERT_DONE(dump_reader_open(&reader, path, &err), err);
    assert_int_equal(reader.block_count[0], 0);
    assert_int_equal(reader.block_count[1], block_count);
    assert_int_equal(reader.ends[1].row_count, wanted->row_count);
    assert_int_equal(reader.ends[1].facts[0].class_count[VALUE_TEXT], wanted->row_count);
    for (size_t i = 0; i < block_count; i++) {
        struct value value;

        ASSERT_DONE(dump_reader_rows(&reader, reader.first_block[1] + i, &buffer, &err), err);
        while (rows_block_next(&buffer.rows, &value)) {
            assert_int_equal(value.size, wanted->row_size);
            assert_int_equal(strtoul((const char *)value.bytes, NULL, 10), row);
            row++;
        }
    }
    assert_int_equal(row, wanted->row_count);
}

static void blocks_come_in_order_from_any_number_of_threads(void **state)
{
    const char *path = temporary_folder_path("dump");
    OWNED(byte_buffer) struct byte_buffer first = {0};
    struct error err;

    (void)state;
    for (unsigned threads = 1; threads < 9; threads += 3) {
        struct wanted wanted = {
            .thread_count = threads, .row_count = 1003, .row_size = 20, .cut_count = 10};
        OWNED(byte_buffer) struct byte_buffer bytes = {0};

        write_dump(&wanted, path);
        check_dump(&wanted, path, 101);
        ASSERT_DONE(file_read_all(&bytes, path, 10000000, &err), err);
        if (threads == 1)
            byte_buffer_put(&first, bytes.data, bytes.size);
        assert_int_equal(first.size, bytes.size);
        assert_memory_equal(first.data, bytes.data, bytes.size);
        unlink(path);
    }
}

static void a_block_ends_by_itself_when_it_is_large(void **state)
{
    const char *path = temporary_folder_path("dump");
    struct wanted wanted = {
        .thread_count = 2, .row_count = 20, .row_size = CHUNK_SIZE_MAX / 4, .cut_count = 1000};

    (void)state;
    write_dump(&wanted, path);
    check_dump(&wanted, path, 5);
    unlink(path);
}

static void a_very_large_row_is_alone(void **state)
{
    const char *path = temporary_folder_path("dump");
    struct wanted wanted = {
        .thread_count = 2, .row_count = 3, .row_size = CHUNK_SIZE_MAX * 3, .cut_count = 1000};

    (void)state;
    write_dump(&wanted, path);
    check_dump(&wanted, path, 3);
    unlink(path);
}

static void closing_early_leaves_nothing(void **state)
{
    const struct rows_writer_options options = {.thread_count = 3};
    struct wanted wanted = {.row_count = 57, .row_size = 20, .cut_count = 10};
    struct table_end end = {0};
    struct rows_sample sample;
    struct error err;

    (void)state;
    rows_sample_open(&sample, temporary_folder_path("dump"), &options);
    rows_sample_begin_b(&sample);
    ASSERT_DONE(put_rows(sample.rows, &wanted, &end, &err), err);
    rows_sample_close(&sample);
    rows_writer_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_come_in_order_from_any_number_of_threads),
        cmocka_unit_test(a_block_ends_by_itself_when_it_is_large),
        cmocka_unit_test(a_very_large_row_is_alone),
        cmocka_unit_test(closing_early_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, temporary_folder_make, temporary_folder_remove);
}
