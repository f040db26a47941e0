#include "base/owned.h"
#include "format/units.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

static void make(struct units *units)
{
    struct chunk chunk = {.cut = 11, .sum = {.low = UINT64_MAX, .high = 1}, .row_count = 5};

    units_append(units, 2, 1);
    units_append_chunk(units, &chunk);
    chunk = (struct chunk){.cut = 12, .sum = {.low = 3, .high = 4}, .row_count = 6};
    units_append_chunk(units, &chunk);
    units_append(units, 1, 0);
    units_append(units, 0, 3);
    units_append_chunk(units, &chunk);
    units_append(units, 4, 1);
}

static void what_is_appended_knows_its_places(void **state)
{
    OWNED(units) struct units units = {0};
    uint64_t row_count;
    struct hash128 sum;

    (void)state;
    make(&units);
    assert_int_equal(units.unit_count, 4);
    assert_int_equal(units.chunk_count, 3);
    assert_int_equal(units.units[1].first_source, 2);
    assert_int_equal(units.units[2].first_source, 3);
    assert_int_equal(units.units[3].first_source, 3);
    assert_int_equal(units.units[2].first_block, 1);
    assert_int_equal(units.units[3].first_block, 4);
    assert_int_equal(units.units[2].first_chunk, 2);
    sum = units_sum(&units, 0, &row_count);
    assert_int_equal(row_count, 11);
    assert_int_equal(sum.low, 2); /* carried */
    assert_int_equal(sum.high, 6);
    sum = units_sum(&units, 1, &row_count);
    assert_int_equal(row_count, 0);
    assert_int_equal(sum.low, 0);
}

static void encoding_and_decoding_give_the_same(void **state)
{
    OWNED(units) struct units units = {0};
    OWNED(units) struct units again = {0};
    OWNED(byte_buffer) struct byte_buffer body = {0};
    OWNED(byte_buffer) struct byte_buffer body_again = {0};
    struct byte_reader reader;
    struct error err;

    (void)state;
    make(&units);
    units_encode(&body, 7, &units);
    assert_int_equal(body.size, 8 + 4 * 12 + 3 * 28);
    reader = byte_reader_over(body.data, body.size);
    ASSERT_DONE(units_decode(&again, 7, &reader, &err), err);
    units_encode(&body_again, 7, &again);
    assert_int_equal(body.size, body_again.size);
    assert_memory_equal(body.data, body_again.data, body.size);
    assert_int_equal(again.units[3].first_block, 4);
}

static void damage_is_refused(void **state)
{
    OWNED(units) struct units units = {0};
    OWNED(byte_buffer) struct byte_buffer body = {0};
    struct error err;

    (void)state;
    make(&units);
    units_encode(&body, 7, &units);
    for (size_t size = 0; size < body.size; size++) {
        OWNED(units) struct units out = {0};
        struct byte_reader reader = byte_reader_over(body.data, size);

        ASSERT_FAILS(units_decode(&out, 7, &reader, &err), err, ERROR_CORRUPT, "unit");
    }
    {
        OWNED(units) struct units out = {0};
        struct byte_reader reader = byte_reader_over(body.data, body.size);

        ASSERT_FAILS(units_decode(&out, 8, &reader, &err), err, ERROR_CORRUPT, "table 7");
    }
    byte_buffer_put_u8(&body, 0);
    {
        OWNED(units) struct units out = {0};
        struct byte_reader reader = byte_reader_over(body.data, body.size);

        ASSERT_FAILS(units_decode(&out, 7, &reader, &err), err, ERROR_CORRUPT, "after their end");
    }
}

static void decode(struct units *out, const uint32_t *numbers, size_t count, bool wanted)
{
    OWNED(byte_buffer) struct byte_buffer body = {0};
    struct byte_reader reader;
    struct error err;

    for (size_t i = 0; i < count; i++)
        byte_buffer_put_u32(&body, numbers[i]);
    reader = byte_reader_over(body.data, body.size);
    assert_int_equal(units_decode(out, 0, &reader, &err), wanted);
    units_release(out);
}

static void counts_are_bounded(void **state)
{
    struct units out = {0};
    const uint32_t too_many_units[] = {0, UINT32_MAX, 1, 0, 0};
    const uint32_t too_many_chunks[] = {0, 1, 1, 1, UINT32_MAX};
    const uint32_t nothing_of_two[] = {0, 1, 2, 0, 0};
    const uint32_t nothing_of_none[] = {0, 1, 0, 0, 0};
    const uint32_t sources_beyond[] = {0, 2, UINT32_MAX, 1, 0, 1, 1, 0};
    const uint32_t blocks_beyond[] = {0, 2, 0, UINT32_MAX, 0, 1, 1, 0};
    const uint32_t none[] = {0, 0};

    (void)state;
    decode(&out, too_many_units, COUNT_OF(too_many_units), false);
    decode(&out, too_many_chunks, COUNT_OF(too_many_chunks), false);
    decode(&out, nothing_of_two, COUNT_OF(nothing_of_two), false);
    decode(&out, nothing_of_none, COUNT_OF(nothing_of_none), false);
    decode(&out, sources_beyond, COUNT_OF(sources_beyond), false);
    decode(&out, blocks_beyond, COUNT_OF(blocks_beyond), false);
    decode(&out, none, COUNT_OF(none), true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_appended_knows_its_places),
        cmocka_unit_test(encoding_and_decoding_give_the_same),
        cmocka_unit_test(damage_is_refused),
        cmocka_unit_test(counts_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
