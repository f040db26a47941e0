#include "base/owned.h"
#include "replay/values/reject_json.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct value text_of(enum value_class class, const char *bytes, uint32_t size)
{
    return (struct value){.class = class, .bytes = (const uint8_t *)bytes, .size = size};
}

static struct value integer_of(int64_t integer)
{
    return (struct value){.class = VALUE_INTEGER, .integer = integer};
}

static struct value real_of(double real)
{
    return (struct value){.class = VALUE_REAL, .real = real};
}

/* A table whose columns have hostile names. */
static struct schema_table table_of(struct schema_column *columns, uint32_t count)
{
    static const char *const names[] = {"a", "b \"quoted\"", "c\\", "\xc3\xa4", "{", ""};

    for (uint32_t i = 0; i < count; i++)
        columns[i].name = (struct schema_text){.bytes = names[i % 6], .size = strlen(names[i % 6])};
    return (struct schema_table){.column_count = count, .columns = columns};
}

static void every_value_comes_back(void **state)
{
    struct value values[] = {
        {.class = VALUE_NULL},
        integer_of(0),
        integer_of(INT64_MIN),
        integer_of(INT64_MAX),
        real_of(0.0),
        real_of(1.0),
        real_of(0.1),
        real_of(-DBL_MAX),
        real_of(DBL_TRUE_MIN),
        real_of(1e300),
        real_of(INFINITY),
        real_of(-INFINITY),
        text_of(VALUE_TEXT, "", 0),
        text_of(VALUE_TEXT, "a\"\\\b\f\n\r\t\x01/", 10),
        text_of(VALUE_TEXT, "\xf0\x9f\x98\x80\xc3\xa4", 6),
        text_of(VALUE_TEXT, "a\0b", 3),
        text_of(VALUE_TEXT, "\xff\xed\xa0\x80", 4),
        text_of(VALUE_BLOB, "", 0),
        text_of(VALUE_BLOB, "\0\xff{", 3),
    };
    const uint32_t count = sizeof(values) / sizeof(values[0]);
    struct schema_column columns[sizeof(values) / sizeof(values[0])] = {0};
    struct schema_table table = table_of(columns, count);
    OWNED(byte_buffer) struct byte_buffer json = {0};
    OWNED(byte_buffer) struct byte_buffer before = {0};
    OWNED(byte_buffer) struct byte_buffer after = {0};
    OWNED(arena) struct arena arena = {0};
    struct reject_json_row row;
    struct error err;

    (void)state;
    reject_json_put(&json, &table, values);
    byte_buffer_put_u8(&json, 0);
    if (!reject_json_read(&row, &arena, (const char *)json.data, &err))
        fail_msg("%s: %s", err.text, (const char *)json.data);
    assert_int_equal(row.count, count);
    for (uint32_t i = 0; i < count; i++) {
        assert_string_equal(row.names[i], columns[i].name.bytes);
        before.size = 0;
        after.size = 0;
        value_encode(&before, &values[i]);
        value_encode(&after, &row.values[i]);
        assert_int_equal(before.size, after.size);
        assert_memory_equal(before.data, after.data, before.size);
    }
}

static void what_people_write_is_read(void **state)
{
    static const char text[] =
        " { \"a\" : true , \"b\":false,\"c\":-1.5e3,\"d\":\"\\u00e4\\ud83d\\ude00\\/\",\n"
        "\"e\": 9223372036854775808.0 } \n";
    OWNED(arena) struct arena arena = {0};
    struct reject_json_row row;
    struct error err;

    (void)state;
    assert_true(reject_json_read(&row, &arena, text, &err));
    assert_int_equal(row.count, 5);
    assert_int_equal(row.values[0].integer, 1);
    assert_int_equal(row.values[1].integer, 0);
    assert_true(row.values[2].class == VALUE_REAL && row.values[2].real == -1500.0);
    assert_memory_equal(row.values[3].bytes, "\xc3\xa4\xf0\x9f\x98\x80/", 7);
    assert_true(row.values[4].class == VALUE_REAL && row.values[4].real == 9223372036854775808.0);
}

static void nonsense_is_refused(void **state)
{
    static const char *const texts[] = {"", "{", "[]", "{\"a\"}", "{\"a\":}", "{\"a\":1",
        "{\"a\":1,}", "{\"a\":1}x", "{\"a\":\"x}", "{\"a\":\"\n\"}", "{\"a\":\"\\x\"}",
        "{\"a\":\"\\ud800\"}", "{\"a\":\"\\udc00\"}", "{\"a\":\"\\u12\"}", "{\"a\":1-2}",
        "{\"a\":{\"blob\":\"0g\"}}", "{\"a\":{\"blob\":\"0\"}}", "{\"a\":{\"blob\":1}}",
        "{\"a\":{\"real\":\"1\"}}", "{\"a\":{\"x\":\"00\"}}", "{\"a\":[1]}", "{\"a\":nul}",
        "{\"a\":9223372036854775808}"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        OWNED(arena) struct arena arena = {0};
        struct reject_json_row row;
        struct error err;

        if (reject_json_read(&row, &arena, texts[i], &err))
            fail_msg("accepted: %s", texts[i]);
        assert_int_equal(err.kind, ERROR_REFUSED);
    }
}

static void files_are_read(void **state)
{
    static const char text[] =
        "[ {\"id\": 7, \"more\": {\"x\": [1, {}, []]}, \"values\": {\"a\": 1}},"
        " {\"values\": {\"b\": \"}\"}, \"id\": 8}, {\"id\": 9, \"table\": \"t\", \"row\": \"01fF\"} ]\n";
    static const char *const damaged[] = {
        "[{\"row\": \"0\"}]", "[{\"row\": \"0g\"}]", "[{\"row\": 1}]"};
    OWNED(arena) struct arena arena = {0};
    struct reject_json_entry *entries;
    struct error err;
    size_t count;

    (void)state;
    assert_true(reject_json_read_file(&entries, &count, &arena, text, &err));
    assert_int_equal(count, 3);
    assert_int_equal(entries[0].id, 7);
    assert_string_equal(entries[0].values, " {\"a\": 1}");
    assert_string_equal(entries[1].values, " {\"b\": \"}\"}");
    assert_null(entries[2].values);
    assert_null(entries[1].row);
    assert_string_equal(entries[2].table, "t");
    assert_string_equal(entries[2].row, "01fF");
    free(entries);
    for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
        assert_false(reject_json_read_file(&entries, &count, &arena, damaged[i], &err));
        assert_int_equal(err.kind, ERROR_USAGE);
    }
    assert_true(reject_json_read_file(&entries, &count, &arena, "[]", &err));
    assert_int_equal(count, 0);
    free(entries);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_comes_back),
        cmocka_unit_test(what_people_write_is_read),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(files_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
