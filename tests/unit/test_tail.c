#include "format/checksum.h"
#include "format/header.h"
#include "format/tail.h"
#include "tests/unit/unit.h"

#define CHECKSUM_OFFSET 96
#define FILE_SIZE 1000

static const struct tail good = {
    .index_offset = 500, .file_size = FILE_SIZE, .block_count = 4, .index_block_count = 1};

static const struct {
    size_t at;
    uint8_t value;
    bool is_sealed;
    const char *words;
} cases[] = {
    {127, 'x', true, "truncated"},
    {112, 'x', true, "truncated"},
    {8, 1, false, "checksum"},
    {100, 1, false, "checksum"},
    {0, 'x', true, "skippable"},
    {4, 1, true, "skippable"},
    {16, 1, true, "its tail says"},
    {9, 0, true, "the index is said to be"},
    {15, 1, true, "the index is said to be"},
    {28, 0, true, "of them index"},
    {28, 4, true, "of them index"},
};

static void one_change_one_failure(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint8_t data[TAIL_SIZE];
        struct tail tail;
        struct error err;

        tail_encode(data, &good);
        data[cases[i].at] = cases[i].value;
        if (cases[i].at == 9)
            data[8] = HEADER_SIZE - 1; /* one byte before the first place it can have */
        if (cases[i].is_sealed)
            checksum_store(data + CHECKSUM_OFFSET, checksum_xxh3(data, CHECKSUM_OFFSET));
        ASSERT_FAILS(tail_decode(&tail, data, FILE_SIZE, &err), err, ERROR_CORRUPT, cases[i].words);
    }
}

static void decode_of_encode(void **state)
{
    struct tail tail = good;
    struct tail found;
    uint8_t data[TAIL_SIZE];
    struct error err;

    (void)state;
    memset(tail.state_id, 1, SHA256_SIZE);
    memset(tail.digest, 2, SHA256_SIZE);
    tail_encode(data, &tail);
    ASSERT_DONE(tail_decode(&found, data, FILE_SIZE, &err), err);
    assert_true(found.index_offset == 500 && found.file_size == FILE_SIZE);
    assert_int_equal(found.block_count, 4);
    assert_int_equal(found.index_block_count, 1);
    assert_memory_equal(found.state_id, tail.state_id, SHA256_SIZE);
    assert_memory_equal(found.digest, tail.digest, SHA256_SIZE);
    ASSERT_FAILS(tail_decode(&found, data, FILE_SIZE + 1, &err), err, ERROR_CORRUPT, "1001 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_change_one_failure),
        cmocka_unit_test(decode_of_encode),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
