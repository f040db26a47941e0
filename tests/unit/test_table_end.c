#include "base/owned.h"
#include "format/table_end.h"
#include "tests/unit/unit.h"

#include <math.h>

static void observe_text(struct column_facts *facts, const char *bytes, uint32_t size)
{
    struct value value = {.class = VALUE_TEXT, .bytes = (const uint8_t *)bytes, .size = size};

    table_end_observe(facts, &value);
}

static void observe_real(struct column_facts *facts, double real)
{
    struct value value = {.class = VALUE_REAL, .real = real};

    table_end_observe(facts, &value);
}

static void observe_integer(struct column_facts *facts, int64_t integer)
{
    struct value value = {.class = VALUE_INTEGER, .integer = integer};

    table_end_observe(facts, &value);
}

static void integers_have_a_range(void **state)
{
    struct column_facts facts = {0};

    (void)state;
    observe_integer(&facts, 5);
    assert_true(facts.integer_min == 5 && facts.integer_max == 5);
    observe_integer(&facts, INT64_MIN);
    observe_integer(&facts, INT64_MAX);
    assert_true(facts.integer_min == INT64_MIN && facts.integer_max == INT64_MAX);
    assert_int_equal(facts.class_count[VALUE_INTEGER], 3);
}

static void reals_that_are_no_integers(void **state)
{
    static const struct {
        double real;
        unsigned fractional_count;
        unsigned infinite_count;
    } cases[] = {
        {0.0, 0, 0},
        {-0.0, 0, 0},
        {1e15, 0, 0},
        {0.5, 1, 0},
        {-0x1p63, 0, 0},
        {0x1p63, 1, 0},
        {0x1.fffffffffffffp62, 0, 0},
        {INFINITY, 1, 1},
        {-INFINITY, 1, 1},
        {5e-324, 1, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct column_facts facts = {0};

        observe_real(&facts, cases[i].real);
        assert_int_equal(facts.class_count[VALUE_REAL], 1);
        assert_int_equal(facts.fractional_count, cases[i].fractional_count);
        assert_int_equal(facts.infinite_count, cases[i].infinite_count);
    }
}

/* Each text also behind eight, and behind seven letters: words and bytes are read differently. */
static void texts_are_judged(void **state)
{
    static const struct {
        const char *bytes;
        uint32_t size;
        unsigned length;
        bool has_nul;
        bool is_invalid;
    } cases[] = {
        {"", 0, 0, false, false},
        {"a", 1, 1, false, false},
        {"a\0b", 3, 3, true, false},
        {"\0", 1, 1, true, false},
        {"abcdefgh\0", 9, 9, true, false},
        {"\xc3\xa9", 2, 1, false, false},
        {"\xe2\x82\xac", 3, 1, false, false},
        {"\xf0\x9f\x98\x80", 4, 1, false, false},
        {"\xf4\x8f\xbf\xbf", 4, 1, false, false},
        {"\xf4\x90\x80\x80", 4, 1, false, true},
        {"\xed\xa0\x80", 3, 1, false, true},
        {"\xed\x9f\xbf", 3, 1, false, false},
        {"\xc0\x80", 2, 1, false, true},
        {"\xe0\x80\x80", 3, 1, false, true},
        {"\xe0\xa0\x80", 3, 1, false, false},
        {"\xf0\x80\x80\x80", 4, 1, false, true},
        {"\x80", 1, 0, false, true},
        {"\xff\xfe", 2, 2, false, true},
        {"\xc3", 1, 1, false, true},
        {"\xe2\x82", 2, 1, false, true},
        {"\xc3\xa9\0", 3, 2, true, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (uint32_t before = 0; before <= 16; before++) {
            struct column_facts facts = {0};
            char bytes[32];

            memset(bytes, 'a', sizeof(bytes));
            memcpy(bytes + before, cases[i].bytes, cases[i].size);
            observe_text(&facts, bytes, before + cases[i].size);
            assert_int_equal(facts.nul_count, cases[i].has_nul);
            assert_int_equal(facts.invalid_utf8_count, cases[i].is_invalid);
            assert_int_equal(facts.text_length_max, before + cases[i].length);
            assert_int_equal(facts.text_size_max, before + cases[i].size);
        }
    }
}

static void merging_is_observing_all(void **state)
{
    struct column_facts all = {0};
    struct column_facts parts[3] = {0};
    struct column_facts merged = {0};

    (void)state;
    for (int i = 0; i < 30; i++) {
        observe_integer(&parts[i % 2], 100 - i);
        observe_integer(&all, 100 - i);
        observe_real(&parts[i % 3], i / 4.0);
        observe_real(&all, i / 4.0);
        observe_text(&parts[i % 3], "a\0\xff", (uint32_t)i % 4);
        observe_text(&all, "a\0\xff", (uint32_t)i % 4);
    }
    for (int i = 0; i < 3; i++)
        table_end_merge(&merged, &parts[i]);
    assert_memory_equal(&merged, &all, sizeof(all));
}

static void decode_of_encode(void **state)
{
    struct column_facts facts[2] = {{.class_count = {1, 2, 3, 4, 5},
                                        .integer_min = -1,
                                        .integer_max = 2,
                                        .fractional_count = 6,
                                        .infinite_count = 7,
                                        .nul_count = 8,
                                        .invalid_utf8_count = 9,
                                        .text_size_max = 10,
                                        .text_length_max = 11,
                                        .blob_size_max = 12},
        {.class_count = {15}}};
    struct table_end end = {.table = 3,
        .row_count = 15,
        .sum = {.low = 1, .high = 2},
        .size = 99,
        .column_count = 2,
        .facts = facts};
    OWNED(byte_buffer) struct byte_buffer bytes = {0};
    OWNED(arena) struct arena arena = {0};
    struct table_end found;
    struct byte_reader r;
    struct error err;

    (void)state;
    table_end_encode(&bytes, &end);
    assert_int_equal(bytes.size, 44 + 2 * 14 * 8);
    r = byte_reader_over(bytes.data, bytes.size);
    ASSERT_DONE(table_end_decode(&found, &arena, &r, 2, &err), err);
    assert_int_equal(found.table, 3);
    assert_int_equal(found.row_count, 15);
    assert_true(checksum_equal(found.sum, end.sum));
    assert_int_equal(found.size, 99);
    assert_memory_equal(found.facts, facts, sizeof(facts));

    r = byte_reader_over(bytes.data, bytes.size);
    ASSERT_FAILS(table_end_decode(&found, &arena, &r, 3, &err), err, ERROR_CORRUPT, "2 columns");
    for (size_t size = 0; size < bytes.size; size++) {
        r = byte_reader_over(bytes.data, size);
        ASSERT_FAILS(
            table_end_decode(&found, &arena, &r, 2, &err), err, ERROR_CORRUPT, "table end");
    }
    byte_buffer_put_u8(&bytes, 0);
    r = byte_reader_over(bytes.data, bytes.size);
    ASSERT_FAILS(table_end_decode(&found, &arena, &r, 2, &err), err, ERROR_CORRUPT, "bytes");
    bytes.data[4] = 3;
    r = byte_reader_over(bytes.data, bytes.size - 1);
    ASSERT_FAILS(table_end_decode(&found, &arena, &r, 2, &err), err, ERROR_CORRUPT, "table end");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_have_a_range),
        cmocka_unit_test(reals_that_are_no_integers),
        cmocka_unit_test(texts_are_judged),
        cmocka_unit_test(merging_is_observing_all),
        cmocka_unit_test(decode_of_encode),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
