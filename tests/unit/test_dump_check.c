#include "base/owned.h"
#include "tests/property/memory_file.h"
#include "tests/property/sample.h"
#include "tests/unit/unit.h"
#include "tools/dump_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct byte_buffer good; /* a dump of several tables with several blocks each */
static struct memory_file memory;
static struct dump_check whole; /* what a check says of it */

static bool write_sample(const char *path, struct error *err)
{
    OWNED(sample) struct sample sample = {0};
    struct random_source random = {.state = 7};
    struct sample_limits limits = {
        .table_count = 6, .column_count = 5, .row_count = 60, .value_size = 50};

    sample_make(&sample, &random, &limits);
    return sample_write(&sample, path, 3, 10, err) && file_read_all(&good, path, 10000000, err);
}

static int make_dump(void **state)
{
    char path[] = "/tmp/test_dump_check.XXXXXX";
    int fd = mkstemp(path);
    struct error err;
    bool done;

    (void)state;
    if (fd < 0)
        return -1;
    close(fd);
    memory_file_open(&memory);
    done = write_sample(path, &err) && dump_check_run(&whole, path, 2, NULL, &err);
    unlink(path);
    if (!done)
        fprintf(stderr, "%s\n", err.text);
    return done && whole.damage_count == 0 && whole.block_count > 10 ? 0 : -1;
}

static int release_dump(void **state)
{
    (void)state;
    byte_buffer_release(&good);
    memory_file_release(&memory);
    dump_check_release(&whole);
    return 0;
}

/* A check of the dump with the bytes [at, at + size) inverted and the rest after keep cut off. */
static void check_damaged(struct dump_check *check, size_t at, size_t size, size_t keep)
{
    OWNED(byte_buffer) struct byte_buffer bytes = {0};
    struct error err;

    byte_buffer_put(&bytes, good.data, good.size);
    for (size_t i = at; i < at + size; i++)
        bytes.data[i] ^= 0xff;
    memory_file_set(&memory, bytes.data, keep);
    ASSERT_DONE(dump_check_run(check, memory.path, 2, NULL, &err), err);
    assert_true(check->damage_count > 0);
}

static uint32_t count_whole(const struct dump_check *check)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < check->schema.table_count; i++)
        count += dump_check_table_is_whole(check, i);
    return count;
}

/* A damaged ROWS block costs its own table, and is named. */
static void one_block_costs_one_table(void **state)
{
    (void)state;
    for (size_t i = 1; i < whole.block_count; i++) {
        const struct index_entry *entry = &whole.index.entries[i];
        OWNED(dump_check) struct dump_check check = {0};

        check_damaged(&check, (size_t)entry->offset + entry->frame_size / 2, 1, good.size);
        assert_int_equal(check.damage_count, 1);
        assert_int_equal(check.damages[0].part, DAMAGE_BLOCK);
        assert_int_equal(check.damages[0].number, i);
        assert_int_equal(check.damages[0].table, entry->table);
        assert_int_equal(count_whole(&check), whole.schema.table_count - 1);
        assert_false(dump_check_table_is_whole(&check, entry->table));
    }
}

/* The same without tail and index: the frames are found one after the other. */
static void the_index_is_not_needed(void **state)
{
    size_t index_offset = (size_t)whole.tail.index_offset;

    (void)state;
    for (size_t i = 1; i < whole.block_count; i++) {
        const struct index_entry *entry = &whole.index.entries[i];
        OWNED(dump_check) struct dump_check check = {0};

        check_damaged(&check, (size_t)entry->offset + entry->frame_size / 2, 1, index_offset);
        assert_false(check.has_tail);
        assert_int_equal(count_whole(&check), whole.schema.table_count - 1);
        assert_false(dump_check_table_is_whole(&check, entry->table));
    }
}

/* Not even the frame's head is left: the next one is searched for. */
static void leaps_over_a_lost_frame(void **state)
{
    size_t index_offset = (size_t)whole.tail.index_offset;

    (void)state;
    for (size_t i = 1; i < whole.block_count; i++) {
        const struct index_entry *entry = &whole.index.entries[i];
        OWNED(dump_check) struct dump_check check = {0};

        check_damaged(&check, (size_t)entry->offset, entry->frame_size, index_offset);
        assert_int_equal(count_whole(&check), whole.schema.table_count - 1);
        assert_false(dump_check_table_is_whole(&check, entry->table));
    }
}

static void a_cut_leaves_the_tables_before_it(void **state)
{
    uint32_t last_count = 0;

    (void)state;
    for (size_t i = 2; i < whole.block_count; i++) {
        OWNED(dump_check) struct dump_check check = {0};
        uint32_t count;

        check_damaged(&check, 0, 0, (size_t)whole.index.entries[i].offset);
        count = count_whole(&check);
        assert_true(count >= last_count);
        last_count = count;
    }
    assert_true(last_count > 0);
}

static void header_tail_and_index_cost_no_table(void **state)
{
    const size_t places[] = {
        50, (size_t)whole.tail.index_offset + 20, good.size - 60, good.size - 3};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        OWNED(dump_check) struct dump_check check = {0};

        check_damaged(&check, places[i], 1, good.size);
        assert_int_equal(count_whole(&check), whole.schema.table_count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_block_costs_one_table),
        cmocka_unit_test(the_index_is_not_needed),
        cmocka_unit_test(leaps_over_a_lost_frame),
        cmocka_unit_test(a_cut_leaves_the_tables_before_it),
        cmocka_unit_test(header_tail_and_index_cost_no_table),
    };

    return cmocka_run_group_tests(tests, make_dump, release_dump);
}
