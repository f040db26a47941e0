/* chain, chain_rows and chain_scan: what a chain of small dumps comes to. */
#include "base/owned.h"
#include "format/chain_scan.h"
#include "tests/unit/chain_sample.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PATH_COUNT 5

static char folder[] = "/tmp/test_chain.XXXXXX";
static char path_texts[PATH_COUNT][64];
static const char *paths[PATH_COUNT];
static uint8_t states[PATH_COUNT][SHA256_SIZE];

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    for (int i = 0; i < PATH_COUNT; i++) {
        snprintf(path_texts[i], sizeof(path_texts[i]), "%s/%d", folder, i);
        paths[i] = path_texts[i];
    }
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    for (int i = 0; i < PATH_COUNT; i++)
        unlink(paths[i]);
    return rmdir(folder);
}

#define ROWS(...) ((const int[]){__VA_ARGS__, 0})

/* Two units: 1 2 3 and 4 5 5. */
static void write_full(void)
{
    const int *blocks[] = {ROWS(1, 2, 3), ROWS(4, 5, 5), NULL};
    struct error err;

    ASSERT_DONE(chain_sample_full(paths[0], blocks, states[0], &err), err);
}

static void write_patch(
    int number, const struct chain_sample_unit *units, size_t unit_count, const int *rows)
{
    struct chain_sample_delta delta = {.path = paths[number],
        .from_state = states[number - 1],
        .change = TABLE_PATCH,
        .units = units,
        .unit_count = unit_count,
        .rows = rows};
    struct error err;

    ASSERT_DONE(chain_sample_write(&delta, states[number], &err), err);
}

/* 2 goes, 6 comes in the first unit; the second stays. */
static void write_first_patch(void)
{
    const struct chain_sample_unit units[] = {
        {.source_count = 1, .removed = ROWS(2), .added = ROWS(6), .rows = ROWS(1, 3, 6)},
        {.source_count = 1}};

    write_patch(1, units, 2, ROWS(1, 3, 6, 4, 5, 5));
}

/* All rows of the chain, in order, equal these. */
static void check_rows(size_t count, const int *wanted)
{
    OWNED(chain) struct chain chain = {0};
    OWNED(chain_scan) struct chain_scan scan = {0};
    struct error err;
    bool is_row;

    ASSERT_DONE(chain_open(&chain, paths, count, &err), err);
    ASSERT_DONE(chain_scan_open(&scan, &chain, 0, &err), err);
    for (size_t i = 0; wanted[i] != 0; i++) {
        OWNED(byte_buffer) struct byte_buffer row = {0};
        struct hash128 hash = chain_sample_row(&row, wanted[i]);

        ASSERT_DONE(chain_scan_next(&scan, &is_row, &err), err);
        assert_true(is_row);
        assert_int_equal(scan.values[0].integer, wanted[i]);
        assert_memory_equal(scan.rows.row.data, row.data, row.size);
        assert_true(checksum_equal(chain_rows_hash(&scan.rows, scan.values), hash));
    }
    ASSERT_DONE(chain_scan_next(&scan, &is_row, &err), err);
    assert_false(is_row);
}

static void a_full_dump_is_a_chain(void **state)
{
    (void)state;
    write_full();
    check_rows(1, ROWS(1, 2, 3, 4, 5, 5));
}

static void a_patch_changes_its_units(void **state)
{
    (void)state;
    write_full();
    write_first_patch();
    check_rows(2, ROWS(1, 3, 6, 4, 5, 5));
}

static void one_of_two_equal_rows_is_removed(void **state)
{
    const struct chain_sample_unit units[] = {
        {.source_count = 1}, {.source_count = 1, .removed = ROWS(5), .rows = ROWS(4, 5)}};

    (void)state;
    write_full();
    write_patch(1, units, 2, ROWS(1, 2, 3, 4, 5));
    check_rows(2, ROWS(1, 2, 3, 4, 5));
}

/* A row comes with one delta and goes with the next; units are merged and made. */
static void later_deltas_build_on_earlier_ones(void **state)
{
    const struct chain_sample_unit units[] = {
        {.source_count = 2, .removed = ROWS(6, 4), .rows = ROWS(1, 3, 5, 5)},
        {.source_count = 0, .added = ROWS(8, 9), .rows = ROWS(8, 9)}};
    const struct chain_sample_unit empty[] = {
        {.source_count = 1, .removed = ROWS(1, 3, 5, 5)}, {.source_count = 1}};

    (void)state;
    write_full();
    write_first_patch();
    write_patch(2, units, 2, ROWS(1, 3, 5, 5, 8, 9));
    check_rows(3, ROWS(1, 3, 5, 5, 8, 9));
    write_patch(3, empty, 2, ROWS(8, 9));
    check_rows(4, ROWS(8, 9));
}

static void whole_and_same_tables(void **state)
{
    struct chain_sample_delta delta = {
        .path = paths[1], .from_state = states[0], .change = TABLE_WHOLE, .rows = ROWS(7, 7)};
    struct error err;

    (void)state;
    write_full();
    ASSERT_DONE(chain_sample_write(&delta, states[1], &err), err);
    check_rows(2, ROWS(7, 7));
}

static void a_delta_that_changes_nothing_is_left_out(void **state)
{
    struct chain_sample_delta delta = {.path = paths[1],
        .from_state = states[0],
        .change = TABLE_SAME,
        .rows = ROWS(1, 2, 3, 4, 5, 5)};
    OWNED(chain) struct chain chain = {0};
    struct error err;

    (void)state;
    write_full();
    ASSERT_DONE(chain_sample_write(&delta, states[1], &err), err);
    ASSERT_DONE(chain_open(&chain, paths, 2, &err), err);
    assert_int_equal(chain.dump_count, 1);
    assert_true(chain_is_full(&chain));
    check_rows(2, ROWS(1, 2, 3, 4, 5, 5));
}

/* --- units ----------------------------------------------------------------------------- */

static void units_and_their_blocks(void **state)
{
    OWNED(chain) struct chain chain = {0};
    OWNED(chain_table) struct chain_table table = {0};
    OWNED(dump_buffer) struct dump_buffer buffer = {0};
    OWNED(byte_buffer) struct byte_buffer blocks = {0};
    const struct chain_block *found;
    const struct units *units;
    struct error err;
    uint64_t count;

    (void)state;
    write_full();
    write_first_patch();
    ASSERT_DONE(chain_open(&chain, paths, 2, &err), err);
    ASSERT_DONE(chain_table_open(&table, &chain, 0, &buffer, &err), err);
    assert_true(table.is_whole);
    assert_false(table.is_loose);
    assert_int_equal(table.link_count, 2);
    units = chain_table_units(&table);
    assert_int_equal(units->unit_count, 2);
    assert_true(
        checksum_equal(units_sum(units, 0, &count), chain_sample_sum(ROWS(1, 3, 6), &count)));
    assert_true(
        checksum_equal(units_sum(units, 1, &count), chain_sample_sum(ROWS(4, 5, 5), &count)));
    chain_table_blocks(&table, 0, 2, &blocks);
    found = (const void *)blocks.data;
    assert_int_equal(blocks.size, 3 * sizeof(*found));
    assert_int_equal(found[0].dump, 0);
    assert_int_equal(found[0].number, 1);
    assert_int_equal(found[1].dump, 1);
    assert_int_equal(found[2].dump, 0);
    assert_int_equal(found[2].number, 2);
}

/* A block that was given back is read again where it is wanted again. */
static void a_block_is_read_again(void **state)
{
    OWNED(chain) struct chain chain = {0};
    OWNED(chain_table) struct chain_table table = {0};
    OWNED(chain_rows) struct chain_rows rows = {0};
    OWNED(dump_buffer) struct dump_buffer buffer = {0};
    struct error err;

    (void)state;
    write_full();
    ASSERT_DONE(chain_open(&chain, paths, 1, &err), err);
    ASSERT_DONE(chain_table_open(&table, &chain, 0, &buffer, &err), err);
    for (size_t kept_size = 0; kept_size < 2000; kept_size += 1000) {
        struct value value;
        bool is_row;

        ASSERT_DONE(chain_rows_open(&rows, &table, 0, 1, &err), err);
        for (int i = 1; i <= 3; i++) {
            ASSERT_DONE(chain_rows_next(&rows, &value, &is_row, &err), err);
            assert_true(is_row);
            assert_int_equal(value.integer, i);
        }
        assert_true(rows.is_loaded);
        chain_rows_spare(&rows, kept_size);
        assert_int_equal(rows.is_loaded, kept_size > 0);
    }
}

/* The same state, in blocks that the delta's writer did not know. */
static void a_base_that_is_cut_elsewhere(void **state)
{
    const int *blocks[] = {ROWS(5, 4, 1), ROWS(2), ROWS(3, 5), NULL};
    const struct chain_sample_unit none[] = {
        {.source_count = 1, .removed = ROWS(6), .added = ROWS(2), .rows = ROWS(1, 3, 2)},
        {.source_count = 1}};
    OWNED(chain) struct chain chain = {0};
    OWNED(chain_table) struct chain_table table = {0};
    OWNED(dump_buffer) struct dump_buffer buffer = {0};
    struct error err;

    (void)state;
    write_full();
    write_first_patch();
    write_patch(2, none, 2, ROWS(1, 3, 2, 4, 5, 5));
    ASSERT_DONE(chain_sample_full(paths[0], blocks, states[0], &err), err);
    check_rows(2, ROWS(5, 4, 1, 3, 5, 6));
    check_rows(3, ROWS(5, 4, 1, 3, 5, 2));
    ASSERT_DONE(chain_open(&chain, paths, 2, &err), err);
    ASSERT_DONE(chain_table_open(&table, &chain, 0, &buffer, &err), err);
    assert_true(table.is_loose);
    assert_int_equal(chain_table_units(&table)->unit_count, 1);
}

/* --- refusals ------------------------------------------------------------------------------ */

static void a_gap_is_refused(void **state)
{
    const struct chain_sample_unit units[] = {
        {.source_count = 2, .removed = ROWS(6), .rows = ROWS(1, 3, 4, 5, 5)}};
    const char *gap[2] = {paths[0], paths[2]};
    const char *twice[2] = {paths[0], paths[0]};
    struct chain chain;
    struct error err;

    (void)state;
    write_full();
    write_first_patch();
    write_patch(2, units, 1, ROWS(1, 3, 4, 5, 5));
    ASSERT_FAILS(chain_open(&chain, gap, 2, &err), err, ERROR_REFUSED, "starts from state");
    chain_release(&chain);
    ASSERT_FAILS(chain_open(&chain, twice, 2, &err), err, ERROR_REFUSED, "full dump");
    chain_release(&chain);
}

static void deltas_alone_have_no_rows_of_their_own(void **state)
{
    OWNED(chain) struct chain chain = {0};
    OWNED(chain_scan) struct chain_scan scan = {0};
    struct error err;

    (void)state;
    write_full();
    write_first_patch();
    ASSERT_DONE(chain_open(&chain, paths + 1, 1, &err), err);
    assert_false(chain_is_full(&chain));
    ASSERT_FAILS(chain_scan_open(&scan, &chain, 0, &err), err, ERROR_REFUSED, "give the full dump");
}

/* A delta of a conforming look whose rows do not lead to what it says. */
static void rows_that_do_not_add_up_are_damage(void **state)
{
    const struct chain_sample_unit absent[] = {
        {.source_count = 1, .removed = ROWS(9), .added = ROWS(6), .rows = ROWS(1, 3, 6)},
        {.source_count = 1}};
    const struct chain_sample_unit other[] = {
        {.source_count = 1, .removed = ROWS(4), .added = ROWS(6), .rows = ROWS(1, 3, 6)},
        {.source_count = 1}};
    struct error err;
    bool is_row = true;

    (void)state;
    write_full();
    write_patch(1, absent, 2, ROWS(1, 3, 6, 4, 5, 5));
    {
        OWNED(chain) struct chain chain = {0};
        OWNED(chain_scan) struct chain_scan scan = {0};

        ASSERT_DONE(chain_open(&chain, paths, 2, &err), err);
        ASSERT_FAILS(
            chain_scan_open(&scan, &chain, 0, &err), err, ERROR_CORRUPT, "their sums differ");
    }
    /* The sum is right, but in the first unit there is no such row. */
    write_patch(1, other, 2, ROWS(1, 2, 3, 6, 5, 5));
    check_rows(2, ROWS(1, 2, 3, 5, 5, 6));
    {
        const struct chain_sample_unit twice[] = {
            {.source_count = 2, .removed = ROWS(10), .added = ROWS(10), .rows = NULL}};
        struct chain_sample_delta delta = {.path = paths[1],
            .from_state = states[0],
            .change = TABLE_PATCH,
            .units = twice,
            .unit_count = 1,
            .rows = ROWS(1, 2, 3, 4, 5, 5)};
        OWNED(chain) struct chain chain = {0};
        OWNED(chain_scan) struct chain_scan scan = {0};

        ASSERT_DONE(chain_sample_write(&delta, states[1], &err), err);
        ASSERT_DONE(chain_open(&chain, paths, 2, &err), err);
        ASSERT_DONE(chain_scan_open(&scan, &chain, 0, &err), err);
        for (int i = 0; i < 6; i++)
            ASSERT_DONE(chain_scan_next(&scan, &is_row, &err), err);
        /* 10 is removed and added: it cancels, for a unit is its sources less and plus. */
        ASSERT_DONE(chain_scan_next(&scan, &is_row, &err), err);
        assert_false(is_row);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_dump_is_a_chain),
        cmocka_unit_test(a_patch_changes_its_units),
        cmocka_unit_test(one_of_two_equal_rows_is_removed),
        cmocka_unit_test(later_deltas_build_on_earlier_ones),
        cmocka_unit_test(whole_and_same_tables),
        cmocka_unit_test(a_delta_that_changes_nothing_is_left_out),
        cmocka_unit_test(units_and_their_blocks),
        cmocka_unit_test(a_block_is_read_again),
        cmocka_unit_test(a_base_that_is_cut_elsewhere),
        cmocka_unit_test(a_gap_is_refused),
        cmocka_unit_test(deltas_alone_have_no_rows_of_their_own),
        cmocka_unit_test(rows_that_do_not_add_up_are_damage),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
