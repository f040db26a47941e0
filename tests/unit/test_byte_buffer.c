#include "base/byte_buffer.h"
#include "base/byte_reader.h"
#include "base/owned.h"
#include "tests/unit/unit.h"

static void writes_little_endian(void **state)
{
    static const uint8_t wanted[] = {1, 3, 2, 7, 6, 5, 4, 15, 14, 13, 12, 11, 10, 9, 8, 'h', 'i'};
    OWNED(byte_buffer) struct byte_buffer b = {0};

    (void)state;
    byte_buffer_put_u8(&b, 1);
    byte_buffer_put_u16(&b, 0x0203);
    byte_buffer_put_u32(&b, 0x04050607);
    byte_buffer_put_u64(&b, 0x08090a0b0c0d0e0fu);
    byte_buffer_put_text(&b, "hi");
    assert_int_equal(b.size, sizeof(wanted));
    assert_memory_equal(b.data, wanted, sizeof(wanted));
}

static void overwrites_what_was_put(void **state)
{
    OWNED(byte_buffer) struct byte_buffer b = {0};

    (void)state;
    byte_buffer_put_u64(&b, 0);
    byte_buffer_put_u64(&b, 0);
    byte_buffer_set_u32(&b, 1, 0xaabbccdd);
    byte_buffer_set_u64(&b, 8, UINT64_MAX);
    assert_int_equal(b.size, 16);
    assert_int_equal(byte_reader_load_u32(b.data + 1), 0xaabbccdd);
    assert_true(byte_reader_load_u64(b.data + 8) == UINT64_MAX);
    assert_int_equal(b.data[0], 0);
    assert_int_equal(b.data[5], 0);
}

static void grows_and_keeps(void **state)
{
    OWNED(byte_buffer) struct byte_buffer b = {0};

    (void)state;
    for (uint32_t i = 0; i < 100000; i++)
        byte_buffer_put_u32(&b, i);
    assert_int_equal(b.size, 400000);
    for (uint32_t i = 0; i < 100000; i++)
        assert_int_equal(byte_reader_load_u32(b.data + 4 * (size_t)i), i);
}

static void reserve_changes_no_size(void **state)
{
    OWNED(byte_buffer) struct byte_buffer b = {0};

    (void)state;
    byte_buffer_reserve(&b, 1000);
    assert_int_equal(b.size, 0);
    assert_true(b.capacity >= 1000);
    byte_buffer_put(&b, NULL, 0);
    assert_int_equal(b.size, 0);
}

static void reserves_exactly_and_keeps(void **state)
{
    OWNED(byte_buffer) struct byte_buffer b = {0};

    (void)state;
    byte_buffer_reserve_exactly(&b, 1000);
    assert_int_equal(b.capacity, 1000);
    byte_buffer_reserve_exactly(&b, 2000);
    assert_int_equal(b.capacity, 2000);
    byte_buffer_put_u32(&b, 0x04030201);
    byte_buffer_reserve_exactly(&b, 5000);
    assert_int_equal(b.capacity, 5004);
    assert_int_equal(b.size, 4);
    assert_int_equal(byte_reader_load_u32(b.data), 0x04030201);
    byte_buffer_reserve_exactly(&b, 5000);
    assert_int_equal(b.capacity, 5004);
}

static void gives_back_what_lies_behind(void **state)
{
    OWNED(byte_buffer) struct byte_buffer b = {0};

    (void)state;
    byte_buffer_give_back(&b, 0);
    for (uint32_t i = 0; i < 100000; i++)
        byte_buffer_put_u32(&b, i);
    byte_buffer_reserve_exactly(&b, 1000000);
    byte_buffer_give_back(&b, 500000);
    assert_int_equal(b.size, 400000);
    byte_buffer_give_back(&b, 200000);
    assert_int_equal(b.size, 200000);
    assert_int_equal(b.capacity, 1400000);
    for (uint32_t i = 50000; i < 350000; i++)
        byte_buffer_put_u32(&b, i);
    for (uint32_t i = 0; i < 350000; i++)
        assert_int_equal(byte_reader_load_u32(b.data + 4 * (size_t)i), i);
    assert_int_equal(b.capacity, 1400000);
}

static void release_may_come_twice(void **state)
{
    struct byte_buffer b = {0};

    (void)state;
    byte_buffer_put_u8(&b, 1);
    byte_buffer_release(&b);
    assert_null(b.data);
    assert_int_equal(b.size, 0);
    byte_buffer_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_little_endian),
        cmocka_unit_test(overwrites_what_was_put),
        cmocka_unit_test(grows_and_keeps),
        cmocka_unit_test(reserve_changes_no_size),
        cmocka_unit_test(reserves_exactly_and_keeps),
        cmocka_unit_test(gives_back_what_lies_behind),
        cmocka_unit_test(release_may_come_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
