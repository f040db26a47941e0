#include "format/block_copy.h"

#include "base/owned.h"
#include "format/rows_writer.h"
#include "tests/unit/chain_sample.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[] = "/tmp/test_block_copy.XXXXXX";
static char old_path[64];
static char new_path[64];

static const int first[] = {1, 2, 3, 0};
static const int second[] = {4, 5, 0};
static const int *const blocks[] = {first, second, NULL};

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(old_path, sizeof(old_path), "%s/old", folder);
    snprintf(new_path, sizeof(new_path), "%s/new", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(old_path);
    return rmdir(folder); /* fails if something else was left behind */
}

static void open_old(struct dump_reader *reader)
{
    uint8_t state_id[SHA256_SIZE];
    struct error err;

    ASSERT_DONE(chain_sample_full(old_path, blocks, state_id, &err), err);
    ASSERT_DONE(dump_reader_open(reader, old_path, &err), err);
}

/* Table "b" of the new dump has the old blocks in the opposite order, behind rows of its own. */
static void write_new(const struct dump_reader *old, bool is_recompressed)
{
    const char *const names[] = {"a", "b", NULL};
    struct dump_writer_options options = {.path = new_path, .kind = DUMP_FULL, .level = 1};
    struct rows_writer_options rows_options = {
        .thread_count = 2, .level = 1, .is_recompressed = is_recompressed};
    struct table_end none = {0};
    struct table_end end = {.row_count = 6};
    OWNED(byte_buffer) struct byte_buffer bytes = {0};
    struct rows_writer_row row = {0};
    struct dump_writer_result result;
    struct dump_writer *writer;
    struct rows_writer *rows;
    struct schema schema;
    struct error err;

    chain_sample_schema(&schema, names);
    ASSERT_DONE(dump_writer_open(&writer, &options, &schema, &err), err);
    rows_options.writer = writer;
    rows_options.schema = &schema;
    ASSERT_DONE(rows_writer_open(&rows, &rows_options, &err), err);
    rows_writer_begin(rows, 0);
    ASSERT_DONE(rows_writer_end(rows, &none, NULL, &err), err);
    rows_writer_begin(rows, 1);
    row.hash = chain_sample_row(&bytes, 9);
    row.bytes = bytes.data;
    row.size = bytes.size;
    end.sum = checksum_add(old->ends[0].sum, row.hash);
    ASSERT_DONE(rows_writer_add(rows, &row, &err), err);
    ASSERT_DONE(rows_writer_copy(rows, old, 2, &err), err);
    ASSERT_DONE(rows_writer_copy(rows, old, 1, &err), err);
    assert_int_equal(rows_writer_block_count(rows), 3);
    ASSERT_DONE(rows_writer_end(rows, &end, NULL, &err), err);
    assert_int_equal(end.size, 6 * 9);
    assert_int_equal(end.facts[0].class_count[VALUE_INTEGER], 6);
    assert_int_equal(end.facts[0].integer_max, 9);
    assert_int_equal(end.facts[0].integer_min, 1);
    ASSERT_DONE(dump_writer_commit(writer, &result, &err), err);
    rows_writer_close(rows);
    dump_writer_close(writer);
    schema_release(&schema);
}

static void blocks_find_another_place(void **state)
{
    static const int wanted[] = {9, 4, 5, 1, 2, 3};
    OWNED(dump_reader) struct dump_reader old = {0};

    (void)state;
    open_old(&old);
    for (int pass = 0; pass < 2; pass++) {
        OWNED(dump_reader) struct dump_reader reader = {0};
        OWNED(dump_buffer) struct dump_buffer buffer = {0};
        struct error err;
        size_t row = 0;

        write_new(&old, pass == 1);
        ASSERT_DONE(dump_reader_open(&reader, new_path, &err), err);
        ASSERT_DONE(dump_reader_check_digest(&reader, &err), err);
        assert_int_equal(reader.block_count[1], 3);
        for (size_t i = 0; i < 3; i++) {
            struct value value;

            ASSERT_DONE(dump_reader_rows(&reader, reader.first_block[1] + i, &buffer, &err), err);
            while (rows_block_next(&buffer.rows, &value))
                assert_int_equal(value.integer, wanted[row++]);
        }
        assert_int_equal(row, COUNT_OF(wanted));
        unlink(new_path);
    }
}

static bool copy(const struct dump_reader *old, struct error *err)
{
    struct block_copy_order order = {.dump = old, .number = 1, .new_number = 3, .level = 1};
    OWNED(dump_buffer) struct dump_buffer buffer = {0};
    OWNED(rows_total) struct rows_total total = {0};
    struct index_entry entry;

    return block_copy_run(&order, &buffer, &total, &entry, err);
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
    file = fopen(old_path, "r+b");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_find_another_place),
        cmocka_unit_test(wrong_blocks_are_not_copied),
        cmocka_unit_test(damaged_frames_are_not_copied),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
