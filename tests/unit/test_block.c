#include "base/owned.h"
#include "format/block.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <zstd.h>

/* A raw block with a body of that many bytes that do not compress away. */
static void make_block(struct byte_buffer *raw, uint32_t number, size_t body_size)
{
    block_begin(raw, BLOCK_ROWS, number);
    for (size_t i = 0; i < body_size; i++)
        byte_buffer_put_u8(raw, (uint8_t)(i * i >> 3 ^ i));
}

static void there_and_back(void **state)
{
    OWNED(block_codec) struct block_codec codec = {0};
    OWNED(byte_buffer) struct byte_buffer raw = {0};
    OWNED(byte_buffer) struct byte_buffer frame = {0};
    OWNED(byte_buffer) struct byte_buffer found = {0};
    struct byte_reader body;
    struct error err;
    uint32_t type;
    size_t size;

    (void)state;
    for (size_t body_size = 0; body_size < 1000000; body_size = body_size * 7 + 1) {
        make_block(&raw, 9, body_size);
        block_compress(&codec, &frame, &raw, BLOCK_LEVEL_DEFAULT);
        ASSERT_DONE(block_frame_size(&size, frame.data, frame.size, &err), err);
        assert_int_equal(size, frame.size);
        ASSERT_DONE(block_decompress(&codec, &found, frame.data, frame.size, raw.size, &err), err);
        assert_int_equal(found.size, raw.size);
        assert_memory_equal(found.data, raw.data, raw.size);
        ASSERT_DONE(block_open(&body, &type, &found, 9, &err), err);
        assert_int_equal(type, BLOCK_ROWS);
        assert_int_equal(byte_reader_left(&body), body_size);
    }
}

static void frames_carry_size_and_checksum(void **state)
{
    OWNED(block_codec) struct block_codec codec = {0};
    OWNED(byte_buffer) struct byte_buffer raw = {0};
    OWNED(byte_buffer) struct byte_buffer frame = {0};
    OWNED(byte_buffer) struct byte_buffer found = {0};
    struct error err;

    (void)state;
    make_block(&raw, 0, 100);
    block_compress(&codec, &frame, &raw, BLOCK_LEVEL_MIN);
    assert_int_equal(ZSTD_getFrameContentSize(frame.data, frame.size), 108);
    assert_true((frame.data[4] & 0x04) != 0);
    frame.data[frame.size - 1] ^= 1;
    ASSERT_FAILS(block_decompress(&codec, &found, frame.data, frame.size, raw.size, &err), err,
        ERROR_CORRUPT, "checksum");
}

static void refuses_what_is_no_block(void **state)
{
    OWNED(block_codec) struct block_codec codec = {0};
    OWNED(byte_buffer) struct byte_buffer raw = {0};
    OWNED(byte_buffer) struct byte_buffer frame = {0};
    OWNED(byte_buffer) struct byte_buffer found = {0};
    struct byte_reader body;
    struct error err;
    uint32_t type;
    size_t size;

    (void)state;
    make_block(&raw, 3, 1000);
    block_compress(&codec, &frame, &raw, BLOCK_LEVEL_DEFAULT);
    ASSERT_FAILS(block_decompress(&codec, &found, frame.data, frame.size, raw.size - 1, &err), err,
        ERROR_CORRUPT, "declares 1008 bytes, at most 1007");
    for (size_t cut = 0; cut < frame.size; cut++) {
        assert_false(block_decompress(&codec, &found, frame.data, cut, raw.size, &err));
        assert_int_equal(err.kind, ERROR_CORRUPT);
        assert_false(block_frame_size(&size, frame.data, cut, &err));
    }
    ASSERT_FAILS(block_open(&body, &type, &raw, 4, &err), err, ERROR_CORRUPT, "number 3");
    raw.size = 7;
    ASSERT_FAILS(block_open(&body, &type, &raw, 3, &err), err, ERROR_CORRUPT, "7 bytes");
}

/* A frame made by a stream does not say how large its content is. */
static void refuses_unknown_sizes(void **state)
{
    OWNED(block_codec) struct block_codec codec = {0};
    OWNED(byte_buffer) struct byte_buffer found = {0};
    uint8_t frame[256];
    ZSTD_CStream *stream = ZSTD_createCStream();
    ZSTD_inBuffer in = {.src = "01234567", .size = 8};
    ZSTD_outBuffer out = {.dst = frame, .size = sizeof(frame)};
    struct error err;

    (void)state;
    assert_non_null(stream);
    ZSTD_compressStream2(stream, &out, &in, ZSTD_e_continue);
    assert_int_equal(ZSTD_endStream(stream, &out), 0);
    ASSERT_FAILS(block_decompress(&codec, &found, frame, out.pos, 100, &err), err, ERROR_CORRUPT,
        "does not declare");
    ZSTD_freeCStream(stream);
}

/* SPEC 3.2: a block is one frame, even if the second one is empty. */
static void refuses_two_frames_in_one(void **state)
{
    OWNED(block_codec) struct block_codec codec = {0};
    OWNED(byte_buffer) struct byte_buffer raw = {0};
    OWNED(byte_buffer) struct byte_buffer frame = {0};
    OWNED(byte_buffer) struct byte_buffer found = {0};
    static const uint8_t skippable[] = {0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 'x'};
    struct error err;

    (void)state;
    make_block(&raw, 3, 1000);
    block_compress(&codec, &frame, &raw, BLOCK_LEVEL_DEFAULT);
    byte_buffer_put(&frame, skippable, sizeof(skippable));
    ASSERT_FAILS(block_decompress(&codec, &found, frame.data, frame.size, raw.size, &err), err,
        ERROR_CORRUPT, "frame");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(frames_carry_size_and_checksum),
        cmocka_unit_test(refuses_what_is_no_block),
        cmocka_unit_test(refuses_unknown_sizes),
        cmocka_unit_test(refuses_two_frames_in_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
