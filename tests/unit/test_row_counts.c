#include "base/owned.h"
#include "format/row_counts.h"
#include "tests/property/random_source.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

static struct hash128 hash_of(uint64_t number)
{
    return checksum_xxh3(&number, sizeof(number));
}

static void a_row_can_be_taken_as_often_as_it_was_added(void **state)
{
    OWNED(row_counts) struct row_counts counts = {0};

    (void)state;
    assert_false(row_counts_take(&counts, hash_of(1)));
    row_counts_add(&counts, hash_of(1));
    row_counts_add(&counts, hash_of(1));
    row_counts_add(&counts, hash_of(2));
    assert_int_equal(counts.total, 3);
    assert_true(row_counts_take(&counts, hash_of(1)));
    assert_true(row_counts_take(&counts, hash_of(1)));
    assert_false(row_counts_take(&counts, hash_of(1)));
    assert_false(row_counts_take(&counts, hash_of(3)));
    assert_true(row_counts_take(&counts, hash_of(2)));
    assert_int_equal(counts.total, 0);
}

static void the_same_lower_half_is_another_row(void **state)
{
    OWNED(row_counts) struct row_counts counts = {0};
    struct hash128 a = {.low = 1, .high = 7};
    struct hash128 b = {.low = 2, .high = 7};

    (void)state;
    row_counts_add(&counts, a);
    assert_false(row_counts_take(&counts, b));
    row_counts_add(&counts, b);
    assert_true(row_counts_take(&counts, a));
    assert_true(row_counts_take(&counts, b));
    /* The empty row hash is one as well. */
    row_counts_add(&counts, (struct hash128){0});
    assert_true(row_counts_take(&counts, (struct hash128){0}));
}

static void clearing_forgets_and_keeps_working(void **state)
{
    OWNED(row_counts) struct row_counts counts = {0};

    (void)state;
    for (int round = 0; round < 3; round++) {
        for (uint64_t i = 0; i < 5000; i++)
            row_counts_add(&counts, hash_of(i));
        assert_int_equal(counts.total, 5000);
        row_counts_clear(&counts);
        assert_int_equal(counts.total, 0);
        assert_false(row_counts_take(&counts, hash_of(3)));
    }
    row_counts_clear(&counts);
}

/* Against the plainest implementation there is: an array of counts. */
static void agrees_with_an_array(void **state)
{
    OWNED(row_counts) struct row_counts counts = {0};
    struct random_source random = {.state = 20};
    uint64_t wanted[3000] = {0};
    uint64_t total = 0;

    (void)state;
    for (int i = 0; i < 100000; i++) {
        uint64_t row = random_source_below(&random, 3000);

        if (random_source_below(&random, 2) == 0) {
            row_counts_add(&counts, hash_of(row));
            wanted[row]++;
            total++;
        } else {
            assert_int_equal(row_counts_take(&counts, hash_of(row)), wanted[row] > 0);
            total -= wanted[row] > 0 ? 1 : 0;
            wanted[row] -= wanted[row] > 0 ? 1 : 0;
        }
        assert_int_equal(counts.total, total);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_can_be_taken_as_often_as_it_was_added),
        cmocka_unit_test(the_same_lower_half_is_another_row),
        cmocka_unit_test(clearing_forgets_and_keeps_working),
        cmocka_unit_test(agrees_with_an_array),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
