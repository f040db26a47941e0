/* unit_merge, and rows_writer_merge(): units of a chain become blocks of another dump. */
#include "base/owned.h"
#include "format/rows_writer.h"
#include "format/unit_merge.h"
#include "tests/unit/chain_sample.h"
#include "tests/unit/rows_sample.h"
#include "tests/unit/temporary_folder.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <unistd.h>

#define ROWS(...) ((const int[]){__VA_ARGS__, 0})
#define ROW_SIZE 9 /* bytes of a row's canonical form */
#define MANY (CHUNK_SIZE_MAX / ROW_SIZE * 5 / 2)

/* The chain, and its table. */
struct opened {
    const char *paths[2];
    struct chain chain;
    struct chain_table table;
    struct dump_buffer buffer;
};

/* A full dump of these blocks, and a delta that makes one unit of all of them: with one chunk. */
static void write_chain(
    struct opened *opened, const int *const *blocks, const struct chain_sample_unit *unit)
{
    uint8_t states[2][SHA256_SIZE];
    struct chain_sample_delta delta = {.path = temporary_folder_path("delta"),
        .from_state = states[0],
        .change = TABLE_PATCH,
        .units = unit,
        .unit_count = 1,
        .rows = unit->rows};
    struct error err;

    opened->paths[0] = temporary_folder_path("full");
    opened->paths[1] = delta.path;
    ASSERT_DONE(chain_sample_full(opened->paths[0], blocks, states[0], &err), err);
    ASSERT_DONE(chain_sample_write(&delta, states[1], &err), err);
    ASSERT_DONE(chain_open(&opened->chain, opened->paths, 2, &err), err);
    ASSERT_DONE(chain_table_open(&opened->table, &opened->chain, 0, &opened->buffer, &err), err);
    assert_int_equal(chain_table_units(&opened->table)->units[0].chunk_count, 1);
}

static void opened_release(struct opened *opened)
{
    dump_buffer_release(&opened->buffer);
    chain_table_release(&opened->table);
    chain_release(&opened->chain);
    for (size_t i = 0; i < 2; i++)
        unlink(opened->paths[i]);
}

static void a_unit_ends_with_the_row_that_its_chunk_ends_with(void **state)
{
    const int *blocks[] = {ROWS(1, 2, 2, 3), NULL};
    const struct chain_sample_unit unit = {
        .source_count = 1, .removed = ROWS(2), .added = ROWS(6, 7), .rows = ROWS(1, 2, 6, 7, 3)};
    OWNED(opened) struct opened opened = {0};
    OWNED(unit_merge) struct unit_merge merge = {0};
    OWNED(byte_buffer) struct byte_buffer wanted = {0};
    uint64_t row_count;
    struct error err;
    bool is_last;

    (void)state;
    write_chain(&opened, blocks, &unit);
    /* The samples do not say which row a chunk ends with. */
    opened.table.links[1].chunks[0].cut = chain_sample_row(&wanted, 3).low;
    wanted.size = 0;
    for (size_t i = 0; i < 5; i++)
        chain_sample_row(&wanted, unit.rows[i]);
    for (int pass = 0; pass < 2; pass++) {
        ASSERT_DONE(unit_merge_open(&merge, &opened.table, 0, &err), err);
        ASSERT_DONE(unit_merge_next(&merge, &is_last, &err), err);
        assert_true(is_last);
        assert_int_equal(merge.row_count, 5);
        assert_int_equal(merge.bytes.size, wanted.size);
        assert_memory_equal(merge.bytes.data, wanted.data, wanted.size);
        assert_true(checksum_equal(merge.sum, chain_sample_sum(unit.rows, &row_count)));
        assert_int_equal(merge.cut, opened.table.links[1].chunks[0].cut);
    }
}

static void a_removed_row_that_was_not_there_is_damage(void **state)
{
    const int *blocks[] = {ROWS(1, 2, 3), NULL};
    const struct chain_sample_unit unit = {
        .source_count = 1, .removed = ROWS(2), .rows = ROWS(1, 3)};
    OWNED(opened) struct opened opened = {0};
    OWNED(unit_merge) struct unit_merge merge = {0};
    struct error err;
    bool is_last;

    (void)state;
    write_chain(&opened, blocks, &unit);
    ASSERT_DONE(unit_merge_open(&merge, &opened.table, 0, &err), err);
    row_counts_add(&merge.rows.removed, (struct hash128){1, 1});
    ASSERT_FAILS(unit_merge_next(&merge, &is_last, &err), err, ERROR_CORRUPT, "were not there");
}

/* --- in a dump -------------------------------------------------------------------------- */

/* Table "b" gets the unit, and behind it a copy of the full dump's first block. */
static void write_merged(const struct opened *opened, const char *path, unsigned thread_count)
{
    const struct rows_writer_options options = {.thread_count = thread_count};
    const struct index_entry *copied = &opened->chain.dumps[0].index.entries[1];
    struct table_end end = opened->chain.dumps[1].ends[0];
    struct rows_written written = {0};
    struct rows_sample sample;
    struct error err;

    end.change = TABLE_WHOLE;
    end.row_count += copied->row_count;
    end.sum = checksum_add(end.sum, copied->sum);
    rows_sample_open(&sample, path, &options);
    rows_sample_begin_b(&sample);
    ASSERT_DONE(rows_writer_merge(sample.rows, &opened->table, 0, &err), err);
    ASSERT_DONE(rows_writer_copy(sample.rows, &opened->chain.dumps[0], 1, &err), err);
    ASSERT_DONE(rows_writer_end(sample.rows, &end, NULL, &written, &err), err);
    rows_sample_commit(&sample);
    assert_int_equal(written.row_count, end.row_count);
    assert_true(checksum_equal(written.sum, end.sum));
    rows_sample_close(&sample);
}

/* The dump has these rows of the unit, and then those that were copied, numbers and all. */
static void check_merged(const char *path, size_t block_count, const int *unit, const int *copied)
{
    OWNED(dump_reader) struct dump_reader reader = {0};
    OWNED(dump_buffer) struct dump_buffer buffer = {0};
    struct error err;

    ASSERT_DONE(dump_reader_open(&reader, path, &err), err);
    ASSERT_DONE(dump_reader_check_digest(&reader, &err), err);
    assert_int_equal(reader.block_count[1], block_count);
    for (size_t i = 0; i < block_count; i++) {
        const int **rows = i + 1 < block_count ? &unit : &copied;
        struct value value;

        ASSERT_DONE(dump_reader_rows(&reader, reader.first_block[1] + i, &buffer, &err), err);
        while (rows_block_next(&buffer.rows, &value))
            assert_int_equal(value.integer, *(*rows)++);
    }
    assert_int_equal(*unit, 0);
}

static int *numbers(int first, size_t count)
{
    int *list = byte_buffer_calloc(count + 1, sizeof(*list));

    for (size_t i = 0; i < count; i++)
        list[i] = first + (int)i;
    return list;
}

/* As other writers may have chunks of any size. Blocks behind it move. */
static void a_unit_may_take_several_blocks(void **state)
{
    int *all = numbers(1, MANY);
    const int *blocks[] = {all, NULL};
    const struct chain_sample_unit unit = {.source_count = 3, .removed = ROWS(1), .rows = all + 1};
    const char *path = temporary_folder_path("merged");
    OWNED(byte_buffer) struct byte_buffer first = {0};
    OWNED(opened) struct opened opened = {0};
    struct error err;

    (void)state;
    write_chain(&opened, blocks, &unit);
    for (unsigned thread_count = 1; thread_count < 6; thread_count += 2) {
        OWNED(byte_buffer) struct byte_buffer bytes = {0};

        write_merged(&opened, path, thread_count);
        check_merged(path, 4, all + 1, all);
        ASSERT_DONE(file_read_all(&bytes, path, 100000000, &err), err);
        if (thread_count == 1)
            byte_buffer_put(&first, bytes.data, bytes.size);
        assert_int_equal(first.size, bytes.size);
        assert_memory_equal(first.data, bytes.data, bytes.size);
    }
    unlink(path);
    free(all);
}

static void a_unit_may_have_no_rows_left(void **state)
{
    const int *blocks[] = {ROWS(1, 2), NULL};
    const struct chain_sample_unit unit = {
        .source_count = 1, .removed = ROWS(1, 2), .rows = ROWS(0)};
    const char *path = temporary_folder_path("merged");
    OWNED(opened) struct opened opened = {0};

    (void)state;
    write_chain(&opened, blocks, &unit);
    write_merged(&opened, path, 2);
    check_merged(path, 1, ROWS(0), ROWS(1, 2));
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_unit_ends_with_the_row_that_its_chunk_ends_with),
        cmocka_unit_test(a_removed_row_that_was_not_there_is_damage),
        cmocka_unit_test(a_unit_may_take_several_blocks),
        cmocka_unit_test(a_unit_may_have_no_rows_left),
    };

    return cmocka_run_group_tests(tests, temporary_folder_make, temporary_folder_remove);
}
