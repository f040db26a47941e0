/* unit_diff: whatever the order of the rows, old - removed + added = new, and nothing is in both.
 */
#include "base/owned.h"
#include "dump/unit_diff.h"
#include "tests/unit/chain_sample.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ROW_COUNT_MAX 3000
#define VALUE_MAX 4000 /* rows are the numbers from 1 to this */

static char path[] = "/tmp/test_unit_diff.XXXXXX";

/* Rows, ended with 0. */
struct rows {
    int numbers[ROW_COUNT_MAX + 1];
    size_t count;
};

static void append(struct rows *rows, int number)
{
    assert_true(rows->count < ROW_COUNT_MAX);
    rows->numbers[rows->count++] = number;
    rows->numbers[rows->count] = 0;
}

static void put_canonical(
    struct byte_buffer *out, const struct rows *rows, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++)
        chain_sample_row(out, rows->numbers[i]);
}

/* Reads the result back, and adds it to the counts that remain. */
static void add_result(const struct unit_diff *diff, int counts[VALUE_MAX + 1])
{
    struct byte_reader reader = byte_reader_over(diff->rows.data, diff->rows.size);
    bool is_removed[VALUE_MAX + 1] = {false};

    for (uint32_t i = 0; i < diff->row_count; i++) {
        bool removed = i < diff->removed_count;
        struct value value;

        assert_true(((size_t)(reader.next - diff->rows.data) < diff->added_offset) == removed);
        value = value_decode(&reader);
        assert_int_equal(value.class, VALUE_INTEGER);
        assert_true(removed || !is_removed[value.integer]);
        is_removed[value.integer] = removed;
        counts[value.integer] += removed ? -1 : 1;
    }
    assert_int_equal(byte_reader_left(&reader), 0);
}

static void check_diff(struct unit_diff *diff, const struct rows *old, const struct rows *new)
{
    OWNED(chain) struct chain chain = {0};
    OWNED(chain_table) struct chain_table table = {0};
    OWNED(dump_buffer) struct dump_buffer buffer = {0};
    struct byte_buffer parts[2] = {{0}};
    const int *blocks[] = {old->numbers, NULL};
    const char *paths[] = {path};
    uint8_t state[SHA256_SIZE];
    struct canonical_rows runs[2];
    struct unit_diff_input input = {
        .old = &table, .rows = runs, .rows_count = 2, .column_count = 1};
    int counts[VALUE_MAX + 1] = {0};
    size_t half = new->count / 2;
    struct error err;

    ASSERT_DONE(chain_sample_full(path, blocks, state, &err), err);
    ASSERT_DONE(chain_open(&chain, paths, 1, &err), err);
    ASSERT_DONE(chain_table_open(&table, &chain, 0, &buffer, &err), err);
    input.source_count = chain_table_units(&table)->unit_count;
    put_canonical(&parts[0], new, 0, half);
    put_canonical(&parts[1], new, half, new->count);
    for (size_t i = 0; i < 2; i++)
        runs[i] = (struct canonical_rows){.bytes = parts[i].data,
            .size = parts[i].size,
            .row_count = (uint32_t)(i == 0 ? half : new->count - half)};
    ASSERT_DONE(unit_diff_run(diff, &input, &err), err);
    for (size_t i = 0; i < old->count; i++)
        counts[old->numbers[i]]++;
    add_result(diff, counts);
    for (size_t i = 0; i < new->count; i++)
        counts[new->numbers[i]]--;
    for (size_t i = 0; i <= VALUE_MAX; i++)
        assert_int_equal(counts[i], 0);
    byte_buffer_release(&parts[0]);
    byte_buffer_release(&parts[1]);
}

static int random_below(unsigned *seed, int limit)
{
    return (int)((unsigned)rand_r(seed) % (unsigned)limit);
}

static void shuffle(struct rows *rows, unsigned *seed)
{
    for (size_t i = rows->count; i > 1; i--) {
        size_t other = (size_t)random_below(seed, (int)i);
        int number = rows->numbers[i - 1];

        rows->numbers[i - 1] = rows->numbers[other];
        rows->numbers[other] = number;
    }
}

/* Rows that are kept, left out, replaced, doubled, or preceded by many new ones. */
static void edit(struct rows *new, const struct rows *old, unsigned *seed)
{
    int often = 1 + random_below(seed, 200);

    for (size_t i = 0; i < old->count && new->count < ROW_COUNT_MAX - 200; i++) {
        int what = random_below(seed, often);
        int more = what == 3 && random_below(seed, 10) == 0 ? random_below(seed, 150) : 0;

        while (more-- > 0)
            append(new, 1 + random_below(seed, VALUE_MAX));
        if (what == 0)
            continue;
        append(new, what == 1 ? 1 + random_below(seed, VALUE_MAX) : old->numbers[i]);
        if (what == 2)
            append(new, old->numbers[i]);
    }
}

static void random_edits_add_up(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 300; seed++) {
        OWNED(unit_diff) struct unit_diff diff = {0};
        unsigned random = seed;
        struct rows old = {.count = 0};
        struct rows new = {.count = 0};
        int spread = seed % 3 == 0 ? 5 : VALUE_MAX;
        int count = 1 + random_below(&random, seed % 2 == 0 ? 20 : 1500);

        for (int i = 0; i < count; i++)
            append(&old, 1 + random_below(&random, spread));
        edit(&new, &old, &random);
        if (seed % 7 == 0)
            shuffle(&new, &random);
        check_diff(&diff, &old, &new);
    }
}

static void everything_differs(void **state)
{
    OWNED(unit_diff) struct unit_diff diff = {0};
    struct rows old = {.count = 0};
    struct rows new = {.count = 0};

    (void)state;
    for (int i = 1; i <= 1500; i++) {
        append(&old, i);
        append(&new, 1500 + i);
    }
    check_diff(&diff, &old, &new);
    assert_int_equal(diff.removed_count, 1500);
    assert_int_equal(diff.row_count, 3000);
}

static void many_rows_before_are_found_behind(void **state)
{
    OWNED(unit_diff) struct unit_diff diff = {0};
    struct rows old = {.count = 0};
    struct rows new = {.count = 0};

    (void)state;
    for (int i = 1; i <= 1500; i++)
        append(&new, 2000 + i);
    for (int i = 1; i <= 1000; i++) {
        append(&old, i);
        append(&new, i);
    }
    check_diff(&diff, &old, &new);
    assert_int_equal(diff.removed_count, 0);
    assert_int_equal(diff.row_count, 1500);
    /* Found again soon: little was left to be counted. */
    assert_true(diff.old_left.size < 100 * 64);
}

static int make_file(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_edits_add_up),
        cmocka_unit_test(everything_differs),
        cmocka_unit_test(many_rows_before_are_found_behind),
    };

    return cmocka_run_group_tests(tests, make_file, remove_file);
}
