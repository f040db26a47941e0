#include "format/block_copy.h"

#include "base/owned.h"
#include "tests/unit/chain_sample.h"
#include "tests/unit/rows_sample.h"
#include "tests/unit/temporary_folder.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <unistd.h>

static const int first[] = {1, 2, 3, 0};
static const int second[] = {4, 5, 0};
static const int *const blocks[] = {first, second, NULL};

static void open_old(struct dump_reader *reader)
{
    const char *path = temporary_folder_path("old");
    uint8_t state_id[SHA256_SIZE];
    struct error err;

    ASSERT_DONE(chain_sample_full(path, blocks, state_id, &err), err);
    ASSERT_DONE(dump_reader_open(reader, path, &err), err);
}

/* Table "b" of the new dump has the old blocks in the opposite order, behind rows of its own. */
static void write_new(const struct dump_reader *old, const char *path, bool is_recompressed)
{
    const struct rows_writer_options options = {
        .thread_count = 2, .is_recompressed = is_recompressed};
    struct table_end end = {.row_count = 6};
    OWNED(byte_buffer) struct byte_buffer bytes = {0};
    struct rows_writer_row row = {0};
    struct rows_sample sample;
    struct error err;

    rows_sample_open(&sample, path, &options);
    rows_sample_begin_b(&sample);
    row.hash = chain_sample_row(&bytes, 9);
    row.bytes = bytes.data;
    row.size = bytes.size;
    end.sum = checksum_add(old->ends[0].sum, row.hash);
    ASSERT_DONE(rows_writer_add(sample.rows, &row, &err), err);
    ASSERT_DONE(rows_writer_copy(sample.rows, old, 2, &err), err);
    ASSERT_DONE(rows_writer_copy(sample.rows, old, 1, &err), err);
    assert_int_equal(rows_writer_block_count(sample.rows), 3);
    ASSERT_DONE(rows_writer_end(sample.rows, &end, NULL, NULL, &err), err);
    rows_sample_commit(&sample);
    rows_sample_close(&sample);
}

static void blocks_find_another_place(void **state)
{
    static const int wanted[] = {9, 4, 5, 1, 2, 3};
    OWNED(dump_reader) struct dump_reader old = {0};
    const char *path = temporary_folder_path("new");

    (void)state;
    open_old(&old);
    for (int pass = 0; pass < 2; pass++) {
        OWNED(dump_reader) struct dump_reader reader = {0};
        OWNED(dump_buffer) struct dump_buffer buffer = {0};
        struct error err;
        size_t row = 0;

        write_new(&old, path, pass == 1);
        ASSERT_DONE(dump_reader_open(&reader, path, &err), err);
        ASSERT_DONE(dump_reader_check_digest(&reader, &err), err);
        assert_int_equal(reader.block_count[1], 3);
        assert_int_equal(reader.ends[1].size, 6 * 9);
        assert_int_equal(reader.ends[1].facts[0].class_count[VALUE_INTEGER], 6);
        assert_int_equal(reader.ends[1].facts[0].integer_max, 9);
        assert_int_equal(reader.ends[1].facts[0].integer_min, 1);
        for (size_t i = 0; i < 3; i++) {
            struct value value;

            ASSERT_DONE(dump_reader_rows(&reader, reader.first_block[1] + i, &buffer, &err), err);
            while (rows_block_next(&buffer.rows, &value))
                assert_int_equal(value.integer, wanted[row++]);
        }
        assert_int_equal(row, COUNT_OF(wanted));
        unlink(path);
    }
}

static bool copy(const struct dump_reader *old, struct error *err)
{
    struct block_copy_order order = {.dump = old, .number = 1, .level = 1};
    OWNED(dump_buffer) struct dump_buffer buffer = {0};
    OWNED(rows_total) struct rows_total total = {0};

    return block_copy_load(&order, &buffer, &total, err);
}

static void wrong_blocks_are_not_copied(void **state)
{
    OWNED(dump_reader) struct dump_reader old = {0};
    struct index_entry *entry;
    struct error err;

    (void)state;
    open_old(&old);
    entry = &old.index.entries[1];
    ASSERT_DONE(copy(&old, &err), err);
    entry->sum.high ^= 1;
    ASSERT_FAILS(copy(&old, &err), err, ERROR_CORRUPT, "not those that the index says");
    entry->sum.high ^= 1;
    entry->cut ^= 1;
    ASSERT_FAILS(copy(&old, &err), err, ERROR_CORRUPT, "not those that the index says");
    entry->cut ^= 1;
    entry->checksum.low ^= 1;
    ASSERT_FAILS(copy(&old, &err), err, ERROR_CORRUPT, "checksum");
    entry->checksum.low ^= 1;
    entry->raw_size--;
    ASSERT_FAILS(copy(&old, &err), err, ERROR_CORRUPT, "declares");
    entry->raw_size++;
    entry->row_count++;
    ASSERT_FAILS(copy(&old, &err), err, ERROR_CORRUPT, "the index says 4");
}

/* Every byte of the frame counts, its checksum too, though the copy gets another one. */
static void damaged_frames_are_not_copied(void **state)
{
    OWNED(dump_reader) struct dump_reader old = {0};
    const struct index_entry *entry;
    struct error err;
    FILE *file;

    (void)state;
    open_old(&old);
    entry = &old.index.entries[1];
    file = fopen(temporary_folder_path("old"), "r+b");
    assert_non_null(file);
    for (uint32_t i = 0; i < entry->frame_size; i++) {
        int byte;

        assert_int_equal(fseek(file, (long)(entry->offset + i), SEEK_SET), 0);
        byte = fgetc(file);
        fseek(file, -1, SEEK_CUR);
        fputc(byte ^ 0x40, file);
        fflush(file);
        assert_false(copy(&old, &err));
        assert_int_equal(err.kind, ERROR_CORRUPT);
        fseek(file, -1, SEEK_CUR);
        fputc(byte, file);
        fflush(file);
    }
    fclose(file);
    ASSERT_DONE(copy(&old, &err), err);
}

static int remove_old(void **state)
{
    unlink(temporary_folder_path("old"));
    return temporary_folder_remove(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_find_another_place),
        cmocka_unit_test(wrong_blocks_are_not_copied),
        cmocka_unit_test(damaged_frames_are_not_copied),
    };

    return cmocka_run_group_tests(tests, temporary_folder_make, remove_old);
}
