#include "format/checksum.h"
#include "tests/unit/unit.h"

/* Published by xxHash for seed 0 (the empty input), and made with its xxhsum -H2. */
static void published_values(void **state)
{
    struct hash128 empty = checksum_xxh3("", 0);
    struct hash128 digits = checksum_xxh3("123456789", 9);

    (void)state;
    assert_true(empty.low == 0x6001c324468d497f && empty.high == 0x99aa06d3014798d8);
    assert_true(digits.low == 0xe9716427681d5860 && digits.high == 0x33119477ede5dcd5);
}

static void sums_carry(void **state)
{
    struct hash128 a = {.low = UINT64_MAX, .high = 1};
    struct hash128 one = {.low = 1};
    struct hash128 sum = checksum_add(a, one);
    struct hash128 zero = {0};

    (void)state;
    assert_true(sum.low == 0 && sum.high == 2);
    assert_true(checksum_equal(checksum_subtract(sum, one), a));
    /* Modulo 2^128. */
    sum = checksum_subtract(zero, one);
    assert_true(sum.low == UINT64_MAX && sum.high == UINT64_MAX);
    assert_true(checksum_equal(checksum_add(sum, one), zero));
    assert_false(checksum_equal(a, one));
}

static void low_half_comes_first(void **state)
{
    struct hash128 hash = {.low = 0x0807060504030201, .high = 0x100f0e0d0c0b0a09};
    static const uint8_t wanted[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    uint8_t bytes[HASH128_SIZE];

    (void)state;
    checksum_store(bytes, hash);
    assert_memory_equal(bytes, wanted, sizeof(wanted));
    assert_true(checksum_equal(checksum_load(bytes), hash));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_values),
        cmocka_unit_test(sums_carry),
        cmocka_unit_test(low_half_comes_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
