#include "base/owned.h"
#include "replay/values/iso_time.h"
#include "replay/values/moment.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { DATE = 1082, TIMESTAMP = 1114, TIMESTAMPTZ = 1184 };

#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)
#define LEAP_DAY (8825 * DAY) /* 2024-02-29 */

static struct value integer(int64_t number)
{
    return (struct value){.class = VALUE_INTEGER, .integer = number};
}

static struct value real(double number)
{
    return (struct value){.class = VALUE_REAL, .real = number};
}

static struct value text(const char *bytes)
{
    return (struct value){
        .class = VALUE_TEXT, .bytes = (const uint8_t *)bytes, .size = (uint32_t)strlen(bytes)};
}

static struct target_column column_of(uint32_t type, int32_t precision)
{
    return (struct target_column){.name = "c",
        .base_type_oid = type,
        .base_type_name = "t",
        .base_type_kind = 'b',
        .type_modifier = precision};
}

static void check(uint32_t type, enum type_map_unix unit, struct value value, int64_t expected)
{
    struct target_column column = column_of(type, -1);
    struct type_map map;
    int64_t found = 0;

    type_map_of(&map, &column);
    map.unix_time = unit;
    assert_int_equal(moment_of(&map, &value, &found), CONVERT_FITS);
    assert_int_equal(found, expected);
}

static void check_fault(
    uint32_t type, enum type_map_unix unit, struct value value, enum convert_fault expected)
{
    struct target_column column = column_of(type, -1);
    struct type_map map;
    int64_t found = 0;

    type_map_of(&map, &column);
    map.unix_time = unit;
    assert_int_equal(moment_of(&map, &value, &found), expected);
}

static void check_replaced(uint32_t type, int32_t precision, struct value value, int64_t expected)
{
    struct target_column column = column_of(type, precision);
    struct type_map map;
    int64_t found = 0;

    type_map_of(&map, &column);
    map.replaces_text = true;
    assert_int_equal(moment_of(&map, &value, &found), CONVERT_FITS);
    assert_int_equal(found, expected);
}

static void texts_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t utc;
    } cases[] = {
        {"2024-02-29 01:02:03.5", LEAP_DAY + 3723 * SECOND + 500000},
        {"2024-02-29T01:02:03,5Z", LEAP_DAY + 3723 * SECOND + 500000},
        {"2024-02-29 01:02:03.500000000+00:00", LEAP_DAY + 3723 * SECOND + 500000},
        {"2024-02-29 03:02:03+02", LEAP_DAY + 3723 * SECOND},
        {"2024-02-28 20:02:03 -0500 EST", LEAP_DAY + 3723 * SECOND},
        {"2024-02-29 01:02:03.25 +0000 UTC m=+1.000000001", LEAP_DAY + 3723 * SECOND + 250000},
        {"2024-02-29 06:32:03 +0530 +0530", LEAP_DAY + 3723 * SECOND},
        {" 2024-2-29 1:02 ", LEAP_DAY + 3720 * SECOND},
        {"2024-02-29 03:02:03 +0200 +02", LEAP_DAY + 3723 * SECOND},
        {"2024/02/29 01:02", LEAP_DAY + 3720 * SECOND},
        {"2024-02-28 24:00:00", LEAP_DAY},
        {"2024-02-28 23:59:60", LEAP_DAY},
        {"2024-02-28 23:58:60.5", LEAP_DAY - 60 * SECOND + 500000},
        {"2024-02-29", LEAP_DAY},
        {"20240229", LEAP_DAY},
        {"20240229010203", LEAP_DAY + 3723 * SECOND},
        {"2000-01-01 00:00:00", 0},
        {"1999-12-31 23:59:59.999999", -1},
        {"1970-01-01", -10957 * DAY},
        {"0001-01-01", -730119 * DAY},
        {"9999-12-31", 2921939 * DAY},
        {"infinity", MOMENT_INFINITY},
        {"-Infinity", MOMENT_MINUS_INFINITY},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check(TIMESTAMPTZ, TYPE_MAP_UNIX_NONE, text(cases[i].text), cases[i].utc);
}

static void what_depends_on_anything_is_refused(void **state)
{
    static const char *const texts[] = {"", " ", "now", "today", "1/8/2024", "8 Jan 2024",
        "2024-01-08 BC", "2023-02-29", "2024-13-01", "0000-01-01", "2024-01-01 25:00",
        "2024-01-01 24:00:01", "2024-01-01 12:60", "2024-01-01 12:00 CET", "2024-01-01 12:00+16",
        "2024-01-01 12:00+123", "12:00:00", "2024-01-01 12:00 PM", "2024-01-01x", "2024-01-01 m=+1",
        "2024-01-01 12:00+02 BC", "2024-01-01 02:00+02 PM", "2024-01-01 12:00+02 DST",
        "2024-01-01 12:00+02 EPOCH", "2024-01-01 12:00+02 +03", "2024-01-01 12:00+02 CEST m=+1 x",
        "2024-01-01 12:00+01:60", "2024-01-01 12:00+0199", "2024-01-01 12:00+01:00:60",
        "2024-01-01 23:59:60.5", "2024-6-010:00:30", "2024-01-01-12:30", "2024/01-02",
        "2024-01/02"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        check_fault(TIMESTAMPTZ, TYPE_MAP_UNIX_NONE, text(texts[i]), CONVERT_MOMENT);
        check_fault(TIMESTAMP, TYPE_MAP_UNIX_SECONDS, text(texts[i]), CONVERT_MOMENT);
    }
}

/* The server takes 1700001231 for the year 170000, and 170415 for the year 2017. */
static void numbers_count_only_what_is_said(void **state)
{
    const struct value numbers[] = {integer(1700001231), integer(170415), integer(0),
        text("1700001231"), text("-5"), real(1700001231.5), integer(1704153600123)};

    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        check_fault(TIMESTAMPTZ, TYPE_MAP_UNIX_NONE, numbers[i], CONVERT_UNIX);
        check_fault(DATE, TYPE_MAP_UNIX_NONE, numbers[i], CONVERT_UNIX);
    }
    check(DATE, TYPE_MAP_UNIX_NONE, integer(20240229), LEAP_DAY);
    check_fault(DATE, TYPE_MAP_UNIX_NONE, text("2.0240229e7"), CONVERT_UNIX);
    check_fault(DATE, TYPE_MAP_UNIX_NONE, text("+20240229"), CONVERT_UNIX);
}

static void numbers_keep_what_they_count(void **state)
{
    const int64_t at = LEAP_DAY + 3723 * SECOND;
    const int64_t seconds = at / SECOND + 946684800;

    (void)state;
    check(TIMESTAMPTZ, TYPE_MAP_UNIX_SECONDS, integer(seconds), at);
    check(TIMESTAMP, TYPE_MAP_UNIX_MILLISECONDS, integer(seconds * 1000 + 123), at + 123000);
    check(TIMESTAMP, TYPE_MAP_UNIX_MICROSECONDS, integer(seconds * SECOND + 7), at + 7);
    check(TIMESTAMP, TYPE_MAP_UNIX_NANOSECONDS, integer(seconds * SECOND * 1000 + 7000), at + 7);
    check_fault(TIMESTAMP, TYPE_MAP_UNIX_NANOSECONDS, integer(7), CONVERT_TIME);
    check(TIMESTAMPTZ, TYPE_MAP_UNIX_SECONDS, real((double)seconds + 0.25), at + 250000);
    check(TIMESTAMPTZ, TYPE_MAP_UNIX_SECONDS, text("0.000001"), -10957 * DAY + 1);
    check(TIMESTAMPTZ, TYPE_MAP_UNIX_SECONDS, integer(-1), -10957 * DAY - SECOND);
    check(TIMESTAMPTZ, TYPE_MAP_UNIX_MILLISECONDS, integer(0), -10957 * DAY);
    check(DATE, TYPE_MAP_UNIX_SECONDS, integer(86400 * 2), -10955 * DAY);
    check_fault(DATE, TYPE_MAP_UNIX_SECONDS, integer(86401), CONVERT_TIME);
    check_fault(TIMESTAMPTZ, TYPE_MAP_UNIX_SECONDS, text("0.0000001"), CONVERT_TIME);
    /* Milliseconds taken for seconds. */
    check_fault(TIMESTAMPTZ, TYPE_MAP_UNIX_SECONDS, integer(seconds * 1000), CONVERT_RANGE);
    check_fault(TIMESTAMPTZ, TYPE_MAP_UNIX_SECONDS, integer(INT64_MIN), CONVERT_RANGE);
    check_fault(TIMESTAMPTZ, TYPE_MAP_UNIX_MICROSECONDS, integer(INT64_MAX), CONVERT_RANGE);
    check_fault(TIMESTAMPTZ, TYPE_MAP_UNIX_SECONDS, real(1e300), CONVERT_RANGE);
    check_fault(TIMESTAMPTZ, TYPE_MAP_UNIX_SECONDS, real(INFINITY), CONVERT_RANGE);
    /* Texts beside numbers: both are moments, so an offset loses nothing. */
    check(TIMESTAMP, TYPE_MAP_UNIX_SECONDS, text("2024-02-29 03:02:03+02:00"), at);
    check(TIMESTAMP, TYPE_MAP_UNIX_SECONDS, text("20240229"), LEAP_DAY);
    check(TIMESTAMP, TYPE_MAP_UNIX_SECONDS, text("20240230"), (20240230 - 946684800) * SECOND);
    check(TIMESTAMP, TYPE_MAP_UNIX_SECONDS, integer(20240229), (20240229 - 946684800) * SECOND);
}

/* Each of these is of the day before, to the server, too. */
static void a_date_is_the_day_that_is_said(void **state)
{
    static const char *const texts[] = {
        "2024-02-28 23:59:60", "2024-02-28 24:00", "2024-02-28 23:59:59.9999999"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        check_fault(DATE, TYPE_MAP_UNIX_NONE, text(texts[i]), CONVERT_TIME);
        check_replaced(DATE, -1, text(texts[i]), LEAP_DAY - DAY);
    }
}

/* First to microseconds, of two as near to the even one, then to what the column keeps. */
static void digits_are_rounded_as_the_server_does(void **state)
{
    (void)state;
    check_replaced(TIMESTAMP, -1, text("2024-02-29 00:00:00.1234565"), LEAP_DAY + 123456);
    check_replaced(TIMESTAMP, -1, text("2024-02-29 00:00:00.1234575"), LEAP_DAY + 123458);
    check_replaced(TIMESTAMP, -1, text("2024-02-29 00:00:00.123456500001"), LEAP_DAY + 123457);
    check_replaced(TIMESTAMP, 5, text("2024-02-29 00:00:00.2622746"), LEAP_DAY + 262280);
    check_replaced(TIMESTAMP, 0, text("1999-12-31 23:59:58.5"), -2 * SECOND);
    check_replaced(TIMESTAMP, 0, text("2024-02-28 23:59:59.9999999"), LEAP_DAY);
}

static void none_is_later_than_the_server_keeps(void **state)
{
    const int64_t end = INT64_C(9223371331200000000);

    (void)state;
    check(TIMESTAMP, TYPE_MAP_UNIX_NONE, text("294276-12-31 23:59:59.999999"), end - 1);
    check_fault(TIMESTAMP, TYPE_MAP_UNIX_NONE, text("294276-12-31 24:00"), CONVERT_RANGE);
    check_fault(TIMESTAMPTZ, TYPE_MAP_UNIX_NONE, text("294276-12-31 23:00-02"), CONVERT_RANGE);
    check_fault(TIMESTAMP, TYPE_MAP_UNIX_NONE, text("294277-01-01"), CONVERT_RANGE);
}

static void check_words(uint32_t type, int64_t moment, const char *wanted)
{
    OWNED(byte_buffer) struct byte_buffer out = {0};
    struct target_column column = column_of(type, -1);
    struct type_map map;

    type_map_of(&map, &column);
    moment_put(&map, moment, &out);
    byte_buffer_put_u8(&out, 0);
    assert_string_equal((const char *)out.data, wanted);
}

static void words_are_those_of_every_server(void **state)
{
    OWNED(byte_buffer) struct byte_buffer out = {0};
    struct target_column column = column_of(TIMESTAMPTZ, -1);
    struct type_map map;

    (void)state;
    type_map_of(&map, &column);
    for (int64_t day = -730119; day <= 2921939; day += 97) {
        struct iso_time time;

        out.size = 0;
        moment_put(&map, day * DAY + 7, &out);
        assert_true(iso_time_read(&time, out.data, out.size));
        byte_buffer_put_u8(&out, 0);
        check(TIMESTAMPTZ, TYPE_MAP_UNIX_NONE, text((const char *)out.data), day * DAY + 7);
        assert_int_equal(moment_day(day * DAY + 7), day);
    }
    check_words(TIMESTAMPTZ, -730119 * DAY - 1, "0001-12-31 23:59:59.999999+00 BC");
    check_words(DATE, -730120 * DAY, "0001-12-31 BC");
    check_words(DATE, MOMENT_INFINITY, "infinity");
    check_words(TIMESTAMP, MOMENT_MINUS_INFINITY, "-infinity");
    assert_int_equal(moment_day(-1), -1);
    assert_int_equal(moment_day(MOMENT_INFINITY), INT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_read),
        cmocka_unit_test(what_depends_on_anything_is_refused),
        cmocka_unit_test(numbers_count_only_what_is_said),
        cmocka_unit_test(numbers_keep_what_they_count),
        cmocka_unit_test(a_date_is_the_day_that_is_said),
        cmocka_unit_test(digits_are_rounded_as_the_server_does),
        cmocka_unit_test(none_is_later_than_the_server_keeps),
        cmocka_unit_test(words_are_those_of_every_server),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
