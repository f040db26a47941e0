#include "base/byte_buffer.h"
#include "format/checksum.h"
#include "format/header.h"
#include "tests/unit/unit.h"

#define CHECKSUM_OFFSET 112

/* Each case is the good header with one change, and the failure it must cause. */
static const struct {
    size_t at;
    uint8_t value;
    bool is_sealed; /* the checksum is made right again */
    size_t size;
    enum error_kind kind;
    const char *words;
} cases[] = {
    {8, 'x', true, HEADER_SIZE, ERROR_NOT_DUMP, "begin"},
    {19, 1, true, HEADER_SIZE, ERROR_NOT_DUMP, "begin"},
    {20, 1, true, 19, ERROR_NOT_DUMP, "begin"},
    {20, 1, true, 0, ERROR_NOT_DUMP, "empty"},
    {20, 1, true, HEADER_SIZE - 1, ERROR_CORRUPT, "127 of 128"},
    {0, 'x', true, HEADER_SIZE, ERROR_CORRUPT, "skippable"},
    {4, 121, true, HEADER_SIZE, ERROR_CORRUPT, "skippable"},
    {20, 2, false, HEADER_SIZE, ERROR_CORRUPT, "checksum"},
    {20, 2, true, HEADER_SIZE, ERROR_UNSUPPORTED, "version 2"},
    {20, 0, true, HEADER_SIZE, ERROR_CORRUPT, "version 0"},
    {24, 8, true, HEADER_SIZE, ERROR_UNSUPPORTED, "feature 3"},
    {31, 0x80, true, HEADER_SIZE, ERROR_UNSUPPORTED, "feature 63"},
    {40, 3, true, HEADER_SIZE, ERROR_CORRUPT, "kind 3"},
    {40, 0, true, HEADER_SIZE, ERROR_CORRUPT, "kind 0"},
    {44, 1, true, HEADER_SIZE, ERROR_CORRUPT, "reserved"},
    {80, 1, true, HEADER_SIZE, ERROR_CORRUPT, "reserved"},
    {111, 1, true, HEADER_SIZE, ERROR_CORRUPT, "reserved"},
    {48, 1, true, HEADER_SIZE, ERROR_CORRUPT, "from_state"},
    {127, 0, false, HEADER_SIZE, ERROR_CORRUPT, "checksum"},
};

static void one_change_one_failure(void **state)
{
    const struct header good = {.version = FORMAT_VERSION, .kind = DUMP_FULL};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint8_t data[HEADER_SIZE];
        struct header header;
        struct error err;

        header_encode(data, &good);
        data[cases[i].at] = data[cases[i].at] == cases[i].value && !cases[i].is_sealed
                                ? (uint8_t)(cases[i].value ^ 1)
                                : cases[i].value;
        if (cases[i].is_sealed)
            checksum_store(data + CHECKSUM_OFFSET, checksum_xxh3(data, CHECKSUM_OFFSET));
        ASSERT_FAILS(
            header_decode(&header, data, cases[i].size, &err), err, cases[i].kind, cases[i].words);
    }
}

static void decode_of_encode(void **state)
{
    struct header header = {.version = FORMAT_VERSION,
        .optional_features = 0xf000000000000001,
        .kind = DUMP_DELTA,
        .from_state = "0123456789abcdef0123456789abcde"};
    struct header found;
    uint8_t data[HEADER_SIZE];
    struct error err;

    (void)state;
    header_encode(data, &header);
    ASSERT_DONE(header_decode(&found, data, sizeof(data), &err), err);
    assert_int_equal(found.version, 1);
    assert_int_equal(found.kind, DUMP_DELTA);
    assert_true(found.optional_features == header.optional_features);
    assert_memory_equal(found.from_state, header.from_state, SHA256_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_change_one_failure),
        cmocka_unit_test(decode_of_encode),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
