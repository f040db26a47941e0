#include "watch/amount_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void sizes_have_decimal_units(void **state)
{
    char text[AMOUNT_TEXT_ROOM];

    (void)state;
    assert_string_equal(amount_text_size(text, 0), "0 B");
    assert_string_equal(amount_text_size(text, 999), "999 B");
    assert_string_equal(amount_text_size(text, 1000), "1.0 kB");
    assert_string_equal(amount_text_size(text, 999949), "999.9 kB");
    assert_string_equal(amount_text_size(text, 999950), "1.0 MB");
    assert_string_equal(amount_text_size(text, UINT64_MAX), "18.4 EB");
}

static void counts_are_short(void **state)
{
    char text[AMOUNT_TEXT_ROOM];

    (void)state;
    assert_string_equal(amount_text_count(text, 9999), "9999");
    assert_string_equal(amount_text_count(text, 10000), "10.0k");
    assert_string_equal(amount_text_count(text, 683334), "683.3k");
    assert_string_equal(amount_text_count(text, 999950), "1.0M");
    assert_string_equal(amount_text_count(text, UINT64_MAX), "18.4E");
}

static void durations_have_two_units(void **state)
{
    char text[AMOUNT_TEXT_ROOM];

    (void)state;
    assert_string_equal(amount_text_duration(text, -1), "?");
    assert_string_equal(amount_text_duration(text, 0.0 / 0.0), "?");
    assert_string_equal(amount_text_duration(text, 59.4), "59 s");
    assert_string_equal(amount_text_duration(text, 59.6), "1 min 00 s");
    assert_string_equal(amount_text_duration(text, 3599), "59 min 59 s");
    assert_string_equal(amount_text_duration(text, 3600), "1 h 00 min");
    assert_string_equal(amount_text_duration(text, 90000), "1 d 01 h");
    assert_string_equal(amount_text_duration(text, 1e300), "11574 d 01 h");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_have_decimal_units),
        cmocka_unit_test(counts_are_short),
        cmocka_unit_test(durations_have_two_units),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
