#include "format/column_values.h"

#include "base/owned.h"
#include "tests/unit/unit.h"

/* What a column can be made of; each list of them is tried with each number of removed rows. */
static const struct value plain = {.class = VALUE_TEXT, .bytes = (const uint8_t *)"abc", .size = 3};
static const struct value empty = {.class = VALUE_TEXT, .bytes = (const uint8_t *)""};
static const struct value accented = {
    .class = VALUE_TEXT, .bytes = (const uint8_t *)"caf\xc3\xa9", .size = 5};
static const struct value with_nul = {
    .class = VALUE_TEXT, .bytes = (const uint8_t *)"a\0b", .size = 3};
static const struct value invalid = {
    .class = VALUE_TEXT, .bytes = (const uint8_t *)"\xff", .size = 1};
static const struct value blob = {
    .class = VALUE_BLOB, .bytes = (const uint8_t *)"\xff\0\xff\0\xff\0\xff", .size = 7};
static const struct value nothing = {.class = VALUE_NULL};
static const struct value least = {.class = VALUE_INTEGER, .integer = INT64_MIN};
static const struct value seven = {.class = VALUE_INTEGER, .integer = 7};
static const struct value half = {.class = VALUE_REAL, .real = 0.5};
static const struct value whole = {.class = VALUE_REAL, .real = 2};

#define VALUES_MAX 8

static const struct value *const lists[][VALUES_MAX] = {
    {&plain},
    {&plain, &empty, &plain, &nothing},
    {&nothing, &plain, &accented, &plain},
    {&with_nul, &invalid, &plain, &nothing, &accented},
    {&blob, &blob},
    {&blob, &nothing, &plain, &blob, &accented, &empty},
    {&seven, &seven, &least},
    {&least, &nothing, &seven, &half, &whole, &plain},
    {&nothing, &nothing},
    {&half, &seven, &blob, &invalid, &nothing, &plain, &whole, &least},
};

static void check_list(const struct value *const *values, size_t count, size_t removed_count)
{
    OWNED(byte_buffer) struct byte_buffer rows = {0};
    OWNED(byte_buffer) struct byte_buffer strings = {0};
    OWNED(column_values) struct column_values column = {0};
    struct column_facts expected = {0};
    struct column_facts found = {0};
    struct string_bytes bytes;
    const uint8_t *at;

    for (size_t i = 0; i < count; i++) {
        value_encode(&rows, values[i]);
        byte_buffer_put(&strings, values[i]->bytes, values[i]->size);
        if (i >= removed_count)
            table_end_observe(&expected, values[i]);
    }
    at = rows.data;
    column_values_clear(&column);
    for (size_t i = 0; i < count; i++) {
        at = column_values_gather(&column, rows.data, at, count - i);
        if (i + 1 == removed_count)
            column_values_skip(&column);
    }
    assert_ptr_equal(at, rows.data + rows.size);
    bytes = (struct string_bytes){.first = strings.data, .size = strings.size};
    column_values_observe(&column, rows.data, &bytes, &found);
    assert_memory_equal(&found, &expected, sizeof(found));
}

static void facts_are_those_of_each_value(void **state)
{
    (void)state;
    for (size_t list = 0; list < COUNT_OF(lists); list++) {
        size_t count = 0;

        while (count < VALUES_MAX && lists[list][count] != NULL)
            count++;
        for (size_t removed_count = 0; removed_count <= count; removed_count++)
            check_list(lists[list], count, removed_count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_are_those_of_each_value),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
