#include "base/owned.h"
#include "replay/preflight/key_runs.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Number i as a key: spread, and the same for the same i. */
static struct hash128 key_of(uint64_t i)
{
    return checksum_xxh3(&i, sizeof(i));
}

static void add(struct key_runs *runs, uint64_t first, uint64_t count)
{
    struct error err;

    for (uint64_t i = 0; i < count; i++) {
        struct hash128 key = key_of(first + i);

        if (!key_runs_add(runs, &key, 1, &err))
            fail_msg("%s", err.text);
    }
}

/* Reads all: they ascend. Returns how many differ; *total counts repetitions too. */
static uint64_t read_all(struct key_runs *runs, uint64_t *total)
{
    struct hash128 last = {0};
    struct hash128 key;
    struct error err;
    uint64_t distinct = 0;
    uint64_t count = 0;

    *total = 0;
    if (!key_runs_begin(runs, &err))
        fail_msg("%s", err.text);
    for (;;) {
        if (!key_runs_next(runs, &key, &count, &err))
            fail_msg("%s", err.text);
        if (count == 0)
            return distinct;
        assert_true(distinct == 0 || key_runs_compare(&last, &key) < 0);
        last = key;
        *total += count;
        distinct++;
    }
}

static void nothing_yields_nothing(void **state)
{
    OWNED(key_runs) struct key_runs runs;
    uint64_t total;

    (void)state;
    key_runs_init(&runs);
    assert_int_equal(read_all(&runs, &total), 0);
    assert_int_equal(total, 0);
}

/* In memory, exactly full, and spilled into many runs; read twice. */
static void all_keys_come_back_in_order(void **state)
{
    static const uint64_t counts[] = {1, 4095, 4096, 4097, 8192, 300001, 1100001};

    (void)state;
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        OWNED(key_runs) struct key_runs runs;
        uint64_t total;

        key_runs_init(&runs);
        key_runs_limit(&runs, 1); /* as little as it takes */
        add(&runs, 0, counts[i]);
        for (int time = 0; time < 2; time++) {
            assert_int_equal(read_all(&runs, &total), counts[i]);
            assert_int_equal(total, counts[i]);
        }
    }
}

static void repetitions_are_counted_across_runs(void **state)
{
    OWNED(key_runs) struct key_runs runs;
    uint64_t total;

    (void)state;
    key_runs_init(&runs);
    for (int time = 0; time < 5; time++)
        add(&runs, 7, 10000);
    assert_int_equal(read_all(&runs, &total), 10000);
    assert_int_equal(total, 50000);
}

/* The order is that of all 128 bits, whatever they are. */
static void halves_count_both(void **state)
{
    static const struct hash128 keys[] = {{5, 1}, {3, 1}, {3, 0}, {UINT64_MAX, 0}, {3, 1}, {0, 0}};
    OWNED(key_runs) struct key_runs runs;
    struct error err;
    uint64_t total;

    (void)state;
    key_runs_init(&runs);
    assert_true(key_runs_add(&runs, keys, sizeof(keys) / sizeof(keys[0]), &err));
    assert_int_equal(read_all(&runs, &total), 5);
    assert_int_equal(total, 6);
}

static void a_missing_folder_is_told(void **state)
{
    OWNED(key_runs) struct key_runs runs;
    struct hash128 keys[5000] = {{0}};
    struct error err;

    (void)state;
    key_runs_init(&runs);
    setenv("TMPDIR", "/nonexistent", 1);
    assert_false(key_runs_add(&runs, keys, 5000, &err));
    assert_int_equal(err.kind, ERROR_IO);
    assert_non_null(strstr(err.text, "/nonexistent"));
    unsetenv("TMPDIR");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_yields_nothing),
        cmocka_unit_test(all_keys_come_back_in_order),
        cmocka_unit_test(repetitions_are_counted_across_runs),
        cmocka_unit_test(halves_count_both),
        cmocka_unit_test(a_missing_folder_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
