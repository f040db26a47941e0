#include "base/owned.h"
#include "format/rows_block.h"
#include "format/rows_encoder.h"
#include "format/value.h"
#include "tests/unit/unit.h"

static void put_text(struct byte_buffer *rows, const char *text)
{
    struct value value = {
        .class = VALUE_TEXT, .bytes = (const uint8_t *)text, .size = (uint32_t)strlen(text)};

    value_encode(rows, &value);
}

/* Encodes rows of one column, checks that they come back, and returns the body's size. */
static size_t encode(const struct byte_buffer *rows, uint32_t row_count)
{
    OWNED(byte_buffer) struct byte_buffer body = {0};
    OWNED(byte_buffer) struct byte_buffer found = {0};
    OWNED(rows_block) struct rows_block block = {0};
    struct rows_encoder *encoder = rows_encoder_open();
    struct rows_input input = {
        .column_count = 1, .row_count = row_count, .bytes = rows->data, .size = rows->size};
    struct byte_reader r;
    struct value value;
    struct error err;

    rows_encoder_encode(encoder, &body, &input);
    rows_encoder_close(encoder);
    r = byte_reader_over(body.data, body.size);
    ASSERT_DONE(rows_block_decode(&block, &r, 1, &err), err);
    assert_int_equal(block.row_count, row_count);
    while (rows_block_next(&block, &value))
        value_encode(&found, &value);
    assert_int_equal(found.size, rows->size);
    assert_memory_equal(found.data, rows->data, rows->size);
    return body.size;
}

static void integers_that_rise_are_small(void **state)
{
    OWNED(byte_buffer) struct byte_buffer rows = {0};

    (void)state;
    for (int64_t i = 0; i < 1000; i++) {
        struct value value = {.class = VALUE_INTEGER, .integer = INT64_MAX - 500 + i % 400};

        value_encode(&rows, &value);
    }
    /* Deltas of one byte, except for the two leaps back, which need two. */
    assert_true(encode(&rows, 1000) < 16 + 1 + 8 + 1 + 2 * 1000);
}

static void extremes_wrap(void **state)
{
    static const int64_t integers[] = {INT64_MIN, INT64_MAX, 0, INT64_MIN, -1, INT64_MAX, 1};
    OWNED(byte_buffer) struct byte_buffer rows = {0};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(integers); i++) {
        struct value value = {.class = VALUE_INTEGER, .integer = integers[i]};

        value_encode(&rows, &value);
    }
    encode(&rows, COUNT_OF(integers));
}

static void texts_that_repeat_make_a_dictionary(void **state)
{
    static const char *const rooms[] = {"!one:example.org", "!two:example.org", ""};
    OWNED(byte_buffer) struct byte_buffer rows = {0};

    (void)state;
    for (size_t i = 0; i < 300; i++)
        put_text(&rows, rooms[i % 3]);
    assert_true(encode(&rows, 300) < 400);
}

static void long_and_empty_strings(void **state)
{
    OWNED(byte_buffer) struct byte_buffer rows = {0};
    OWNED(byte_buffer) struct byte_buffer bytes = {0};

    (void)state;
    byte_buffer_reserve(&bytes, 70000);
    memset(bytes.data, 'x', 70000);
    for (uint32_t size = 0; size < 70000; size = size * 5 + 1) {
        struct value value = {.class = VALUE_BLOB, .bytes = bytes.data, .size = size};

        value_encode(&rows, &value);
    }
    encode(&rows, 8);
}

static void hashes_the_rows_that_nobody_has(void **state)
{
    static const char *const texts[] = {"", "one", "two and more", "three", "one"};
    struct hash128 sums[COUNT_OF(texts) + 1] = {{0}};
    uint64_t cuts[COUNT_OF(texts) + 1] = {0};
    size_t sizes[COUNT_OF(texts) + 1] = {0};
    OWNED(byte_buffer) struct byte_buffer rows = {0};
    struct rows_encoder *encoder = rows_encoder_open();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct hash128 hash;

        put_text(&rows, texts[i]);
        sizes[i + 1] = rows.size;
        hash = checksum_xxh3(rows.data + sizes[i], rows.size - sizes[i]);
        sums[i + 1] = checksum_add(sums[i], hash);
        cuts[i + 1] = hash.low;
    }
    for (size_t count = 0; count <= COUNT_OF(texts); count++) {
        OWNED(byte_buffer) struct byte_buffer body = {0};
        struct rows_hashes hashes = {.size = sizes[count]};
        struct rows_input input = {.column_count = 1,
            .row_count = COUNT_OF(texts),
            .bytes = rows.data,
            .size = rows.size,
            .hashes = &hashes};

        rows_encoder_encode(encoder, &body, &input);
        assert_true(checksum_equal(hashes.sum, sums[count]));
        assert_true(hashes.cut == cuts[count]);
    }
    rows_encoder_close(encoder);
}

static void cuts_depend_on_content(void **state)
{
    struct hash128 cutting = {.low = 0x00000000ffffffff};
    struct hash128 going_on = {.low = 0xffffffff00000000};

    (void)state;
    assert_false(rows_encoder_needs_hash(CHUNK_SIZE_MIN - 1));
    assert_true(rows_encoder_needs_hash(CHUNK_SIZE_MIN));
    assert_false(rows_encoder_block_ends(cutting, 1000, CHUNK_SIZE_MIN - 1));
    assert_true(rows_encoder_block_ends(cutting, 1000, CHUNK_SIZE_MIN));
    assert_false(rows_encoder_block_ends(going_on, 1000, CHUNK_SIZE_MAX - 1));
    assert_true(rows_encoder_block_ends(going_on, 1000, CHUNK_SIZE_MAX));
    assert_true(rows_encoder_block_ends(going_on, CHUNK_SPREAD, CHUNK_SIZE_MIN));
    /* SPEC 8.2: upper 32 bits of the low half less than r times 2048. */
    assert_true(rows_encoder_block_ends(
        (struct hash128){.low = (uint64_t)(10 * 2048 - 1) << 32}, 10, CHUNK_SIZE_MIN));
    assert_false(rows_encoder_block_ends(
        (struct hash128){.low = (uint64_t)(10 * 2048) << 32}, 10, CHUNK_SIZE_MIN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_that_rise_are_small),
        cmocka_unit_test(extremes_wrap),
        cmocka_unit_test(texts_that_repeat_make_a_dictionary),
        cmocka_unit_test(long_and_empty_strings),
        cmocka_unit_test(hashes_the_rows_that_nobody_has),
        cmocka_unit_test(cuts_depend_on_content),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
