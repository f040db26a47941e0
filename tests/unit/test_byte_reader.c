#include "base/byte_reader.h"
#include "tests/unit/unit.h"

static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

static void reads_little_endian(void **state)
{
    struct byte_reader r = byte_reader_over(bytes, sizeof(bytes));

    (void)state;
    assert_int_equal(byte_reader_u8(&r), 1);
    assert_int_equal(byte_reader_u16(&r), 0x0302);
    assert_int_equal(byte_reader_u32(&r), 0x07060504);
    assert_true(byte_reader_u64(&r) == 0x0f0e0d0c0b0a0908u);
    assert_int_equal(byte_reader_left(&r), 0);
    assert_false(r.overrun);
}

static void overrun_is_sticky(void **state)
{
    struct byte_reader r = byte_reader_over(bytes, 5);

    (void)state;
    assert_true(byte_reader_u64(&r) == 0);
    assert_true(r.overrun);
    assert_int_equal(byte_reader_left(&r), 0);
    /* One byte would be there, but the reader has lost its place. */
    assert_int_equal(byte_reader_u8(&r), 0);
    assert_null(byte_reader_span(&r, 0));
}

static void span_borrows_exactly(void **state)
{
    struct byte_reader r = byte_reader_over(bytes, 4);

    (void)state;
    assert_ptr_equal(byte_reader_span(&r, 4), bytes);
    assert_non_null(byte_reader_span(&r, 0));
    assert_null(byte_reader_span(&r, SIZE_MAX));
    assert_true(r.overrun);
}

static void nothing_is_a_range_too(void **state)
{
    struct byte_reader r = byte_reader_over(NULL, 0);

    (void)state;
    assert_int_equal(byte_reader_left(&r), 0);
    assert_non_null(byte_reader_span(&r, 0));
    assert_int_equal(byte_reader_u8(&r), 0);
    assert_true(r.overrun);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_little_endian),
        cmocka_unit_test(overrun_is_sticky),
        cmocka_unit_test(span_borrows_exactly),
        cmocka_unit_test(nothing_is_a_range_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
