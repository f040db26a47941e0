#include "watch/progress_rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* So many seconds at a steady speed: bytes a second, and a part of the whole. */
static void run(struct progress_rate *rate, double from, double seconds, double whole)
{
    for (double now = from; now <= from + seconds; now += 0.2) {
        struct progress_sample sample = {.seconds = now};

        sample.bytes[PROGRESS_LOAD] = (uint64_t)(now * 1e6);
        sample.rows[PROGRESS_LOAD] = (uint64_t)(now * 1000);
        progress_rate_feed(rate, &sample, (now - from) / whole);
    }
}

static void a_steady_speed_is_found(void **state)
{
    struct progress_rate rate = {0};

    (void)state;
    run(&rate, 100, 20, 80);
    assert_true(rate.bytes_per_second[PROGRESS_LOAD] > 0.99e6);
    assert_true(rate.bytes_per_second[PROGRESS_LOAD] < 1.01e6);
    assert_true(rate.rows_per_second[PROGRESS_LOAD] > 990);
    assert_true(progress_rate_left(&rate, 0.75) > 59 && progress_rate_left(&rate, 0.75) < 61);
    assert_true(progress_rate_left(&rate, 0) == 0);
}

static void nothing_is_told_too_early(void **state)
{
    struct progress_rate rate = {0};

    (void)state;
    assert_true(progress_rate_left(&rate, 1) < 0);
    run(&rate, 5, 0.5, 10);
    assert_true(progress_rate_left(&rate, 0.9) < 0);
    /* Work that stands still from the beginning has no end either. */
    rate = (struct progress_rate){0};
    for (double now = 0; now < 10; now += 0.5)
        progress_rate_feed(&rate, &(struct progress_sample){.seconds = now}, 0);
    assert_true(progress_rate_left(&rate, 1) < 0);
}

static void work_that_halts_takes_longer(void **state)
{
    struct progress_rate rate = {0};
    struct progress_sample sample;
    double before;

    (void)state;
    run(&rate, 0, 10, 20);
    before = progress_rate_left(&rate, 0.5);
    sample = rate.last;
    for (int i = 1; i <= 40; i++) {
        sample.seconds += 0.5;
        progress_rate_feed(&rate, &sample, rate.fraction);
    }
    assert_true(progress_rate_left(&rate, 0.5) > 2 * before);
    assert_true(rate.bytes_per_second[PROGRESS_LOAD] < 0.3e6);
}

static void the_course_keeps_its_ends(void **state)
{
    struct progress_rate rate = {0};

    (void)state;
    run(&rate, 0, 2000, 2000);
    assert_in_range(rate.history_count, PROGRESS_SAMPLE_COUNT / 4, PROGRESS_SAMPLE_COUNT);
    assert_true(rate.history[0].seconds == 0);
    assert_true(rate.history[rate.history_count - 1].seconds > 1950);
    for (size_t i = 1; i < rate.history_count; i++)
        assert_true(rate.history[i].seconds > rate.history[i - 1].seconds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_steady_speed_is_found),
        cmocka_unit_test(nothing_is_told_too_early),
        cmocka_unit_test(work_that_halts_takes_longer),
        cmocka_unit_test(the_course_keeps_its_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
