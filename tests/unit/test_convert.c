#include "base/owned.h"
#include "replay/values/convert.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    BOOL = 16,
    BYTEA = 17,
    NAME = 19,
    INT8 = 20,
    INT2 = 21,
    INT4 = 23,
    TEXT = 25,
    JSON = 114,
    FLOAT4 = 700,
    FLOAT8 = 701,
    BPCHAR = 1042,
    VARCHAR = 1043,
    DATE = 1082,
    TIME = 1083,
    TIMESTAMP = 1114,
    TIMESTAMPTZ = 1184,
    TIMETZ = 1266,
    NUMERIC = 1700,
    UUID = 2950,
    JSONB = 3802,
};

#define MODIFIER(length) ((length) + 4)
#define NUMERIC_MODIFIER(precision, scale) (((precision) << 16 | ((scale)&0x7ff)) + 4)

static struct value null_value(void)
{
    return (struct value){.class = VALUE_NULL};
}

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

static struct value bytes(enum value_class class, const char *data, uint32_t size)
{
    return (struct value){.class = class, .bytes = (const uint8_t *)data, .size = size};
}

static struct target_column column_of(uint32_t type, int32_t modifier)
{
    return (struct target_column){.name = "c",
        .type_text = "t",
        .base_type_oid = type,
        .base_type_name = "t",
        .base_type_kind = 'b',
        .type_modifier = modifier};
}

/* The binary field as hexadecimal digits, or the fault's text. Freed by the caller. */
static char *field_of(const struct target_column *column, struct value value)
{
    OWNED(byte_buffer) struct byte_buffer out = {0};
    struct type_map map;
    enum convert_fault fault;
    char *hex;

    type_map_of(&map, column);
    fault = convert_binary(&map, &value, &out);
    if (fault != CONVERT_FITS)
        return strdup(convert_fault_text(fault));
    hex = calloc(out.size + 1, 2);
    for (size_t i = 0; i < out.size; i++)
        snprintf(hex + 2 * i, 3, "%02x", out.data[i]);
    return hex;
}

static void check(uint32_t type, int32_t modifier, struct value value, const char *expected)
{
    struct target_column column = column_of(type, modifier);
    char *field = field_of(&column, value);

    assert_string_equal(field, expected);
    free(field);
}

static void check_fault(
    uint32_t type, int32_t modifier, struct value value, enum convert_fault fault)
{
    check(type, modifier, value, convert_fault_text(fault));
}

static void integers_keep_their_value(void **state)
{
    (void)state;
    check(BOOL, -1, integer(0), "0000000100");
    check(BOOL, -1, integer(1), "0000000101");
    check(BOOL, -1, null_value(), "ffffffff");
    check_fault(BOOL, -1, integer(2), CONVERT_BOOLEAN);
    check_fault(BOOL, -1, integer(-1), CONVERT_BOOLEAN);
    check(BOOL, -1, text("true"), "0000000101");
    check(BOOL, -1, text("F"), "0000000100");
    check(BOOL, -1, text("0"), "0000000100");
    check_fault(BOOL, -1, text("yes"), CONVERT_BOOLEAN);
    check_fault(BOOL, -1, text(""), CONVERT_BOOLEAN);
    check_fault(BOOL, -1, bytes(VALUE_BLOB, "t", 1), CONVERT_CLASS);
    check(INT2, -1, integer(-2), "00000002fffe");
    check(INT2, -1, integer(INT16_MAX), "000000027fff");
    check_fault(INT2, -1, integer(INT16_MAX + 1), CONVERT_RANGE);
    check(INT4, -1, integer(INT32_MIN), "0000000480000000");
    check_fault(INT4, -1, integer((int64_t)INT32_MIN - 1), CONVERT_RANGE);
    check(INT8, -1, integer(INT64_MIN), "000000088000000000000000");
    check(INT8, -1, real(3.0), "000000080000000000000003");
    check_fault(INT8, -1, real(3.5), CONVERT_FRACTION);
    check_fault(INT8, -1, real(9223372036854775808.0), CONVERT_RANGE);
    check_fault(INT8, -1, real(INFINITY), CONVERT_RANGE);
    check_fault(INT8, -1, real(NAN), CONVERT_RANGE);
    check_fault(INT4, -1, text("12"), CONVERT_CLASS);
    check_fault(INT4, -1, bytes(VALUE_BLOB, "12", 2), CONVERT_CLASS);
}

static void reals_keep_their_value(void **state)
{
    (void)state;
    check(FLOAT8, -1, real(1.5), "000000083ff8000000000000");
    check(FLOAT8, -1, real(-0.0), "000000088000000000000000");
    check(FLOAT8, -1, integer(3), "000000084008000000000000");
    check_fault(FLOAT8, -1, integer(((int64_t)1 << 53) + 1), CONVERT_PRECISION);
    check_fault(FLOAT8, -1, integer(INT64_MAX), CONVERT_PRECISION);
    check(FLOAT4, -1, real(1.5), "000000043fc00000");
    check_fault(FLOAT4, -1, real(1e300), CONVERT_RANGE);
    check_fault(FLOAT8, -1, real(NAN), CONVERT_RANGE);
    check_fault(FLOAT8, -1, text("1.5"), CONVERT_CLASS);
}

static void texts_are_checked(void **state)
{
    (void)state;
    check(TEXT, -1, text("h\xc3\xbc"), "0000000368c3bc");
    check(TEXT, -1, integer(-7), "000000022d37");
    check(TEXT, -1, bytes(VALUE_BLOB, "ab", 2), "000000026162");
    check_fault(TEXT, -1, real(1.5), CONVERT_CLASS);
    check_fault(TEXT, -1, bytes(VALUE_TEXT, "a\0b", 3), CONVERT_NUL);
    check_fault(TEXT, -1, text("\xff"), CONVERT_UTF8);
    check_fault(TEXT, -1, text("\xed\xa0\x80"), CONVERT_UTF8);
    check_fault(TEXT, -1, bytes(VALUE_BLOB, "\xc3", 1), CONVERT_UTF8);
    check(VARCHAR, MODIFIER(2), text("\xc3\xbc\xc3\xbc"), "00000004c3bcc3bc");
    check_fault(VARCHAR, MODIFIER(2), text("abc"), CONVERT_LENGTH);
    check_fault(VARCHAR, MODIFIER(2), integer(123), CONVERT_LENGTH);
    check_fault(BPCHAR, MODIFIER(1), text("ab"), CONVERT_LENGTH);
    check_fault(NAME, -1, text("0123456789012345678901234567890123456789012345678901234567890123"),
        CONVERT_LENGTH);
}

static void a_rule_replaces_nul(void **state)
{
    OWNED(byte_buffer) struct byte_buffer out = {0};
    struct target_column column = column_of(TEXT, -1);
    struct value value = bytes(VALUE_TEXT, "a\0b", 3);
    struct type_map map;

    (void)state;
    type_map_of(&map, &column);
    map.nul_replacement = " ";
    assert_int_equal(convert_binary(&map, &value, &out), CONVERT_FITS);
    assert_int_equal(out.size, 7);
    assert_memory_equal(out.data, "\0\0\0\3a b", 7);
}

static void enums_know_their_labels(void **state)
{
    static const char *const labels[] = {"red", "green"};
    struct target_column column = column_of(99999, -1);
    char *field;

    (void)state;
    column.base_type_kind = 'e';
    column.enum_labels = labels;
    column.enum_label_count = 2;
    field = field_of(&column, text("red"));
    assert_string_equal(field, "00000003726564");
    free(field);
    field = field_of(&column, text("re"));
    assert_string_equal(field, convert_fault_text(CONVERT_LABEL));
    free(field);
}

static void bytes_and_others(void **state)
{
    (void)state;
    check(BYTEA, -1, bytes(VALUE_BLOB, "\0\xff", 2), "0000000200ff");
    check(BYTEA, -1, text("\\x"), "000000025c78");
    check_fault(BYTEA, -1, integer(1), CONVERT_CLASS);
    check(JSON, -1, text("{ }"), "000000037b207d");
    check(JSONB, -1, text("{}"), "00000003017b7d");
    check(JSONB, -1, integer(5), "000000020135");
    check_fault(JSONB, -1, text("{"), CONVERT_JSON);
    check_fault(JSONB, -1, text("\"\\u0000\""), CONVERT_JSON);
    check(JSONB, -1, bytes(VALUE_BLOB, "{}", 2), "00000003017b7d");
    check_fault(JSONB, -1, bytes(VALUE_BLOB, "3123", 4), CONVERT_CLASS); /* SQLite's JSONB of 123 */
    check_fault(JSONB, -1,
        bytes(VALUE_BLOB,
            "\x1c\x17"
            "a",
            3),
        CONVERT_JSON);
    check(UUID, -1, text("00112233-4455-6677-8899-aabbccddeeff"),
        "0000001000112233445566778899aabbccddeeff");
    check(UUID, -1, text("00112233445566778899AABBCCDDEEFF"),
        "0000001000112233445566778899aabbccddeeff");
    check_fault(UUID, -1, text("00112233"), CONVERT_UUID);
    check_fault(UUID, -1, text("00112233445566778899aabbccddeeff0"), CONVERT_UUID);
}

static void not_null_is_known(void **state)
{
    struct target_column column = column_of(TEXT, -1);
    char *field;

    (void)state;
    column.is_not_null = true;
    field = field_of(&column, null_value());
    assert_string_equal(field, convert_fault_text(CONVERT_NULL));
    free(field);
}

/* numeric has no binary form of ours: the text line and the probe are what counts. */
static void numerics_fit_their_digits(void **state)
{
    static const struct {
        int32_t modifier;
        struct value value;
        enum convert_fault fault;
    } cases[] = {
        {-1, {.class = VALUE_INTEGER, .integer = INT64_MAX}, CONVERT_FITS},
        {-1, {.class = VALUE_REAL, .real = 0.1}, CONVERT_FITS},
        {-1, {.class = VALUE_BLOB}, CONVERT_CLASS},
        {NUMERIC_MODIFIER(5, 2), {.class = VALUE_INTEGER, .integer = 999}, CONVERT_FITS},
        {NUMERIC_MODIFIER(5, 2), {.class = VALUE_INTEGER, .integer = 1000}, CONVERT_PRECISION},
        {NUMERIC_MODIFIER(5, 2), {.class = VALUE_REAL, .real = 1.25}, CONVERT_FITS},
        {NUMERIC_MODIFIER(5, 2), {.class = VALUE_REAL, .real = 1.255}, CONVERT_PRECISION},
        {NUMERIC_MODIFIER(3, -2), {.class = VALUE_INTEGER, .integer = 99900}, CONVERT_FITS},
        {NUMERIC_MODIFIER(3, -2), {.class = VALUE_INTEGER, .integer = 0}, CONVERT_FITS},
        {NUMERIC_MODIFIER(3, -2), {.class = VALUE_INTEGER, .integer = 100000}, CONVERT_PRECISION},
        {NUMERIC_MODIFIER(3, -2), {.class = VALUE_INTEGER, .integer = 12345}, CONVERT_PRECISION},
        {NUMERIC_MODIFIER(2, 4), {.class = VALUE_REAL, .real = 0.0012}, CONVERT_FITS},
        {NUMERIC_MODIFIER(2, 4), {.class = VALUE_REAL, .real = 0.0123}, CONVERT_PRECISION},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        OWNED(byte_buffer) struct byte_buffer out = {0};
        struct target_column column = column_of(NUMERIC, cases[i].modifier);
        struct type_map map;

        type_map_of(&map, &column);
        assert_false(type_map_has_binary(&map));
        assert_int_equal(convert_text(&map, &cases[i].value, &out), cases[i].fault);
    }
}

/* What the server would drop of a text while it reads it. */
static void times_keep_all_that_they_are_given(void **state)
{
    static const struct {
        uint32_t type;
        int32_t precision;
        const char *text;
        bool drops;
    } cases[] = {
        {DATE, -1, "2024-02-29", false},
        {DATE, -1, "2024-02-29 00:00:00.000", false},
        {DATE, -1, "2024-02-29T00:00Z", false},
        {DATE, -1, "2024-02-29 00:00:01", true},
        {DATE, -1, "2024-02-29 00:00:00.000001", true},
        {DATE, -1, "2024-02-29 00:00:00+02", true},
        {TIME, -1, "23:59:59.123456", false},
        {TIME, -1, "23:59:59.1234567", true},
        {TIME, -1, "2000-01-01 23:59:59", true},
        {TIME, -1, "23:59:59+01:00", true},
        {TIMETZ, -1, "23:59:59+01:00", false},
        {TIMETZ, -1, "2000-01-01 23:59:59+01:00", true},
        {TIMESTAMP, -1, "2024-02-29 23:59:59.123456", false},
        {TIMESTAMP, -1, "2024-02-29 23:59:59.123456000", false},
        {TIMESTAMP, -1, " 2024-02-29T23:59:59 +00:00 ", false},
        {TIMESTAMP, -1, "2024-02-29 23:59:59 UTC", false},
        {TIMESTAMP, -1, "2024-02-29 23:59:59-0800", true},
        {TIMESTAMP, -1, "2024-02-29 23:59:59.123456789+00:00", true},
        {TIMESTAMP, 0, "2024-02-29 23:59:59.0", false},
        {TIMESTAMP, 0, "2024-02-29 23:59:59.7", true},
        {TIMESTAMP, -1, "2024-02-29", false},
        {TIMESTAMP, -1, "infinity", false},
        {TIMESTAMPTZ, -1, "2024-02-29 23:59:59-08:00", false},
        {TIMESTAMPTZ, 3, "2024-02-29 23:59:59.123-08:00", false},
        {TIMESTAMPTZ, 3, "2024-02-29 23:59:59.1234-08:00", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        OWNED(byte_buffer) struct byte_buffer out = {0};
        struct target_column column = column_of(cases[i].type, cases[i].precision);
        struct value value = text(cases[i].text);
        struct type_map map;

        type_map_of(&map, &column);
        assert_int_equal(
            convert_text(&map, &value, &out), cases[i].drops ? CONVERT_TIME : CONVERT_FITS);
        map.replaces_text = true;
        assert_int_equal(convert_text(&map, &value, &out), CONVERT_FITS);
    }
}

static void check_line(uint32_t type, struct value value, const char *expected)
{
    OWNED(byte_buffer) struct byte_buffer out = {0};
    struct target_column column = column_of(type, -1);
    struct type_map map;

    type_map_of(&map, &column);
    assert_int_equal(convert_text(&map, &value, &out), CONVERT_FITS);
    byte_buffer_put_u8(&out, 0);
    assert_string_equal((const char *)out.data, expected);
}

static void text_lines_are_escaped(void **state)
{
    (void)state;
    check_line(TEXT, text("a\tb\\c\nd"), "a\\tb\\\\c\\nd");
    check_line(TEXT, null_value(), "\\N");
    check_line(TEXT, text("\\N"), "\\\\N");
    check_line(BYTEA, bytes(VALUE_BLOB, "\1\xff", 2), "\\\\x01ff");
    check_line(FLOAT8, real(0.1), "0.1");
    check_line(BOOL, integer(1), "1");
    check_line(NUMERIC, real(2.50), "2.5");
    check_line(TIMESTAMP, text("2020-01-02T03:04:05"), "2020-01-02 03:04:05");
    check_line(TIMESTAMPTZ, text("1999-12-31 23:59:59.5-01:00"), "2000-01-01 00:59:59.500000+00");
    check_line(DATE, text("0001-01-01"), "0001-01-01");
    check_line(DATE, text("-infinity"), "-infinity");
}

static void facts_prove_that_values_fit(void **state)
{
    struct target_column column = column_of(INT2, -1);
    struct column_facts facts = {0};
    struct value values[] = {integer(-5), integer(30000), null_value()};
    struct type_map map;

    (void)state;
    type_map_of(&map, &column);
    for (size_t i = 0; i < 3; i++)
        table_end_observe(&facts, &values[i]);
    assert_false(type_map_may_fail(&map, &facts));
    map.is_not_null = true;
    assert_true(type_map_may_fail(&map, &facts));
    map.is_not_null = false;
    values[0] = integer(32768);
    table_end_observe(&facts, &values[0]);
    assert_true(type_map_may_fail(&map, &facts));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_keep_their_value),
        cmocka_unit_test(reals_keep_their_value),
        cmocka_unit_test(texts_are_checked),
        cmocka_unit_test(a_rule_replaces_nul),
        cmocka_unit_test(enums_know_their_labels),
        cmocka_unit_test(bytes_and_others),
        cmocka_unit_test(not_null_is_known),
        cmocka_unit_test(numerics_fit_their_digits),
        cmocka_unit_test(times_keep_all_that_they_are_given),
        cmocka_unit_test(text_lines_are_escaped),
        cmocka_unit_test(facts_prove_that_values_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
