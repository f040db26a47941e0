#include "base/owned.h"
#include "format/value.h"
#include "tests/unit/unit.h"

/* SPEC 4.1. */
static const struct {
    struct value value;
    const char *bytes;
    size_t size;
} cases[] = {
    {{.class = VALUE_NULL}, "\x00", 1},
    {{.class = VALUE_INTEGER, .integer = 0}, "\x01\x00\x00\x00\x00\x00\x00\x00\x00", 9},
    {{.class = VALUE_INTEGER, .integer = -2}, "\x01\xfe\xff\xff\xff\xff\xff\xff\xff", 9},
    {{.class = VALUE_INTEGER, .integer = INT64_MIN}, "\x01\x00\x00\x00\x00\x00\x00\x00\x80", 9},
    {{.class = VALUE_REAL, .real = 1.5}, "\x02\x00\x00\x00\x00\x00\x00\xf8\x3f", 9},
    {{.class = VALUE_REAL, .real = -0.0}, "\x02\x00\x00\x00\x00\x00\x00\x00\x80", 9},
    {{.class = VALUE_TEXT, .size = 0, .bytes = (const uint8_t *)""}, "\x03\x00\x00\x00\x00", 5},
    {{.class = VALUE_TEXT, .size = 3, .bytes = (const uint8_t *)"a\0b"},
        "\x03\x03\x00\x00\x00"
        "a\0b",
        8},
    {{.class = VALUE_BLOB, .size = 1, .bytes = (const uint8_t *)"\xff"}, "\x04\x01\x00\x00\x00\xff",
        6},
};

static void canonical_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        OWNED(byte_buffer) struct byte_buffer out = {0};
        OWNED(byte_buffer) struct byte_buffer again = {0};
        struct byte_reader r = byte_reader_over(cases[i].bytes, cases[i].size);
        struct value value;

        value_encode(&out, &cases[i].value);
        assert_int_equal(out.size, cases[i].size);
        assert_memory_equal(out.data, cases[i].bytes, cases[i].size);
        value = value_decode(&r);
        assert_false(r.overrun);
        assert_int_equal(byte_reader_left(&r), 0);
        value_encode(&again, &value);
        assert_int_equal(again.size, out.size);
        assert_memory_equal(again.data, out.data, out.size);
    }
}

static void every_missing_byte_is_noticed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (size_t size = 0; size < cases[i].size; size++) {
            struct byte_reader r = byte_reader_over(cases[i].bytes, size);
            struct value value = value_decode(&r);

            assert_true(r.overrun);
            assert_int_equal(value.class, VALUE_NULL);
        }
    }
}

static void unknown_classes_are_refused(void **state)
{
    (void)state;
    for (int class = VALUE_CLASS_COUNT; class < 256; class ++) {
        uint8_t bytes[16] = {(uint8_t) class};
        struct byte_reader r = byte_reader_over(bytes, sizeof(bytes));

        (void)value_decode(&r);
        assert_true(r.overrun);
    }
}

static void names(void **state)
{
    (void)state;
    assert_string_equal(value_class_name(VALUE_NULL), "NULL");
    assert_string_equal(value_class_name(VALUE_BLOB), "BLOB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical_bytes),
        cmocka_unit_test(every_missing_byte_is_noticed),
        cmocka_unit_test(unknown_classes_are_refused),
        cmocka_unit_test(names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
