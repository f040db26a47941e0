#include "base/owned.h"
#include "replay/values/duration.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { OID_TEXT = 25, OID_INTERVAL = 1186 };

static enum convert_fault settle(
    uint32_t type, enum type_map_unix unit, const char *text, struct byte_buffer *out)
{
    struct target_column column = {.name = "c",
        .base_type_oid = type,
        .base_type_name = "t",
        .base_type_kind = 'b',
        .type_modifier = -1};
    struct type_map map;

    type_map_of(&map, &column);
    map.unix_time = unit;
    byte_buffer_put_text(out, text);
    return duration_settle(&map, out);
}

static void check(uint32_t type, enum type_map_unix unit, const char *text, const char *expected)
{
    OWNED(byte_buffer) struct byte_buffer out = {0};

    assert_int_equal(settle(type, unit, text, &out), CONVERT_FITS);
    byte_buffer_put_u8(&out, 0);
    assert_string_equal(out.data, expected);
}

static void check_fault(enum type_map_unix unit, const char *text, enum convert_fault expected)
{
    OWNED(byte_buffer) struct byte_buffer out = {0};

    assert_int_equal(settle(OID_INTERVAL, unit, text, &out), expected);
}

/* Servers before PostgreSQL 15 refuse 5400000000 microseconds. */
static void numbers_become_seconds(void **state)
{
    (void)state;
    check(OID_INTERVAL, TYPE_MAP_UNIX_MICROSECONDS, "5400000000", "5400 seconds");
    check(OID_INTERVAL, TYPE_MAP_UNIX_MICROSECONDS, "-1", "-0.000001 seconds");
    check(OID_INTERVAL, TYPE_MAP_UNIX_MILLISECONDS, "90500", "90.5 seconds");
    check(OID_INTERVAL, TYPE_MAP_UNIX_SECONDS, "1e3", "1000 seconds");
    check(OID_INTERVAL, TYPE_MAP_UNIX_MICROSECONDS, "0", "0 seconds");
}

static void texts_stay(void **state)
{
    (void)state;
    check(OID_INTERVAL, TYPE_MAP_UNIX_MICROSECONDS, "01:30:00", "01:30:00");
    check(OID_INTERVAL, TYPE_MAP_UNIX_NONE, "1 day 2.5 hours", "1 day 2.5 hours");
    check(OID_TEXT, TYPE_MAP_UNIX_SECONDS, "5", "5");
}

static void what_would_be_misread_is_refused(void **state)
{
    (void)state;
    check_fault(TYPE_MAP_UNIX_NONE, "5", CONVERT_UNIX);
    check_fault(TYPE_MAP_UNIX_NANOSECONDS, "5", CONVERT_UNIX);
    check_fault(TYPE_MAP_UNIX_SECONDS, "1.02:03:04", CONVERT_DURATION);
    check_fault(TYPE_MAP_UNIX_SECONDS, "-1.02:03:04", CONVERT_DURATION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_become_seconds),
        cmocka_unit_test(texts_stay),
        cmocka_unit_test(what_would_be_misread_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
