#include "base/owned.h"
#include "format/dump_index.h"
#include "tests/unit/unit.h"

static struct index_entry make_entry(uint32_t i)
{
    return (struct index_entry){.offset = 128 + (uint64_t)i * 1000,
        .frame_size = 1000 + i,
        .raw_size = 4000 + i,
        .type = 2,
        .table = i,
        .row_count = 10 + i,
        .removed_count = i % 10,
        .sum = {.low = i, .high = ~(uint64_t)i},
        .checksum = {.low = i * 7, .high = i * 11},
        .cut = i * 13};
}

static void decode_of_encode(void **state)
{
    OWNED(dump_index) struct dump_index index = {0};
    OWNED(dump_index) struct dump_index found = {0};
    OWNED(byte_buffer) struct byte_buffer first = {0};
    OWNED(byte_buffer) struct byte_buffer second = {0};
    struct byte_reader r;
    struct error err;

    (void)state;
    for (uint32_t i = 0; i < 300; i++) {
        struct index_entry entry = make_entry(i);

        dump_index_append(&index, &entry);
    }
    dump_index_encode(&first, &index, 0, 100);
    dump_index_encode(&second, &index, 100, 200);
    assert_int_equal(first.size, 4 + 100 * INDEX_ENTRY_SIZE);
    r = byte_reader_over(first.data, first.size);
    ASSERT_DONE(dump_index_decode(&found, &r, &err), err);
    r = byte_reader_over(second.data, second.size);
    ASSERT_DONE(dump_index_decode(&found, &r, &err), err);
    assert_int_equal(found.entry_count, 300);
    for (uint32_t i = 0; i < 300; i++) {
        struct index_entry wanted = make_entry(i);

        assert_memory_equal(&found.entries[i], &wanted, sizeof(wanted));
    }
}

static void refuses(void **state)
{
    OWNED(dump_index) struct dump_index index = {0};
    OWNED(byte_buffer) struct byte_buffer bytes = {0};
    struct index_entry entry = make_entry(1);
    struct error err;

    (void)state;
    entry.removed_count = entry.row_count + 1;
    dump_index_append(&index, &entry);
    dump_index_encode(&bytes, &index, 0, 1);
    for (size_t size = 0; size < bytes.size; size++) {
        OWNED(dump_index) struct dump_index found = {0};
        struct byte_reader r = byte_reader_over(bytes.data, size);

        ASSERT_FAILS(dump_index_decode(&found, &r, &err), err, ERROR_CORRUPT, "index");
    }
    for (uint32_t count = 0; count < 3; count++) {
        OWNED(dump_index) struct dump_index found = {0};
        struct byte_reader r = byte_reader_over(bytes.data, bytes.size);

        byte_buffer_set_u32(&bytes, 0, count);
        ASSERT_FAILS(dump_index_decode(&found, &r, &err), err, ERROR_CORRUPT,
            count == 1 ? "of them removed" : "entries");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decode_of_encode),
        cmocka_unit_test(refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
