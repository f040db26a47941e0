#include "format/movable_frame.h"

#include "base/owned.h"
#include "format/block.h"
#include "tests/unit/unit.h"

#include <zstd.h>

#define HEAD MOVABLE_FRAME_HEAD_SIZE

static void make_raw(struct byte_buffer *raw, uint32_t number, size_t rest_size)
{
    block_begin(raw, BLOCK_ROWS, number);
    byte_buffer_put_u32(raw, 77); /* the table */
    for (size_t i = 0; i < rest_size; i++)
        byte_buffer_put_u8(raw, (uint8_t)(i % 5000 < 2500 ? 0 : i * i >> 3));
}

/* Decodes what movable_frame_split() has left. */
static bool decode_rest(struct byte_buffer *rest, const struct byte_buffer *frame, size_t size_max)
{
    OWNED(block_codec) struct block_codec codec = {0};
    struct error ignored;

    return block_decompress(&codec, rest, frame->data + MOVABLE_FRAME_ROOM,
        frame->size - MOVABLE_FRAME_ROOM, size_max, &ignored);
}

/* Moving gives the same bytes as writing at the other place, at every level. */
static void check_move(struct block_codec *codec, int level, size_t rest_size)
{
    OWNED(byte_buffer) struct byte_buffer raw = {0};
    OWNED(byte_buffer) struct byte_buffer frame = {0};
    OWNED(byte_buffer) struct byte_buffer rest = {0};
    OWNED(byte_buffer) struct byte_buffer wanted = {0};
    uint8_t head[HEAD];
    uint32_t checksum;

    make_raw(&raw, 5, rest_size);
    block_compress(codec, &frame, &raw, level);
    assert_true(movable_frame_split(&frame, head, &checksum));
    assert_memory_equal(head, raw.data, HEAD);
    assert_int_equal(checksum, movable_frame_checksum(raw.data, raw.size));
    assert_true(decode_rest(&rest, &frame, rest_size));
    assert_int_equal(rest.size, rest_size);
    assert_memory_equal(rest.data, raw.data + HEAD, rest_size);

    make_raw(&raw, 0x01020304, rest_size);
    movable_frame_join(&frame, raw.data, raw.size, HEAD);
    block_compress(codec, &wanted, &raw, level);
    assert_int_equal(frame.size, wanted.size);
    assert_memory_equal(frame.data, wanted.data, wanted.size);
}

static void moves_blocks_of_any_size(void **state)
{
    static const int levels[] = {1, 3, 6, 19};
    OWNED(block_codec) struct block_codec codec = {0};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(levels); i++)
        for (size_t rest_size = 1; rest_size < 9000000; rest_size = rest_size * 5 / 2 + 1) {
            if (levels[i] == 19 && rest_size > 1000000)
                break;
            check_move(&codec, levels[i], rest_size);
        }
}

/* The header of the whole has a longer size than that of the rest: RFC 8878, 3.1.1.1.4. */
static void moves_blocks_whose_header_grows(void **state)
{
    static const size_t limits[] = {256, 65536 + 256};
    OWNED(block_codec) struct block_codec codec = {0};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(limits); i++)
        for (size_t rest_size = limits[i] - HEAD - 2; rest_size < limits[i] + 2; rest_size++)
            check_move(&codec, 1, rest_size);
}

/* Whatever is missing: it is not split, or the rest cannot be decoded to the full size. */
static void a_cut_frame_gives_no_rest(void **state)
{
    OWNED(block_codec) struct block_codec codec = {0};
    OWNED(byte_buffer) struct byte_buffer raw = {0};
    OWNED(byte_buffer) struct byte_buffer whole = {0};
    OWNED(byte_buffer) struct byte_buffer rest = {0};

    (void)state;
    make_raw(&raw, 5, 3000);
    block_compress(&codec, &whole, &raw, 3);
    for (size_t size = 0; size < whole.size; size++) {
        OWNED(byte_buffer) struct byte_buffer frame = {0};
        uint8_t head[HEAD];
        uint32_t checksum;

        byte_buffer_put(&frame, whole.data, size);
        if (movable_frame_split(&frame, head, &checksum))
            assert_false(decode_rest(&rest, &frame, 3000));
        else
            assert_true(size == 0 || memcmp(frame.data, whole.data, size) == 0);
    }
}

/* A frame like any other program writes it. */
static void a_frame_without_head_is_left_alone(void **state)
{
    OWNED(byte_buffer) struct byte_buffer raw = {0};
    OWNED(byte_buffer) struct byte_buffer frame = {0};
    OWNED(byte_buffer) struct byte_buffer before = {0};
    ZSTD_CCtx *context = ZSTD_createCCtx();
    uint8_t head[HEAD];
    uint32_t checksum;

    (void)state;
    assert_non_null(context);
    make_raw(&raw, 5, 100000);
    for (int has_checksum = 0; has_checksum < 2; has_checksum++) {
        ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, has_checksum);
        byte_buffer_reserve(&frame, ZSTD_compressBound(raw.size));
        frame.size = ZSTD_compress2(context, frame.data, frame.capacity, raw.data, raw.size);
        before.size = 0;
        byte_buffer_put(&before, frame.data, frame.size);
        assert_false(movable_frame_split(&frame, head, &checksum));
        assert_int_equal(frame.size, before.size);
        assert_memory_equal(frame.data, before.data, before.size);
        frame.size = 0;
    }
    ZSTD_freeCCtx(context);
}

/* It looks like ours, but what follows the head is a copy of it. */
static void a_rest_that_refers_to_its_head_is_found_out(void **state)
{
    static const uint8_t bytes[HEAD + 200] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, /* head */
        1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    OWNED(byte_buffer) struct byte_buffer frame = {0};
    OWNED(byte_buffer) struct byte_buffer rest = {0};
    ZSTD_CCtx *context = ZSTD_createCCtx();
    ZSTD_inBuffer in = {.src = bytes, .size = HEAD};
    ZSTD_outBuffer out;
    uint8_t head[HEAD];
    uint32_t checksum;

    (void)state;
    assert_non_null(context);
    byte_buffer_reserve(&frame, 1000);
    out = (ZSTD_outBuffer){.dst = frame.data, .size = 1000};
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, 19);
    ZSTD_CCtx_setPledgedSrcSize(context, sizeof(bytes));
    assert_int_equal(ZSTD_compressStream2(context, &out, &in, ZSTD_e_flush), 0);
    in.size = sizeof(bytes);
    assert_int_equal(ZSTD_compressStream2(context, &out, &in, ZSTD_e_end), 0);
    frame.size = out.pos;
    ZSTD_freeCCtx(context);
    assert_true(movable_frame_split(&frame, head, &checksum));
    assert_false(decode_rest(&rest, &frame, 200));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves_blocks_of_any_size),
        cmocka_unit_test(moves_blocks_whose_header_grows),
        cmocka_unit_test(a_cut_frame_gives_no_rest),
        cmocka_unit_test(a_frame_without_head_is_left_alone),
        cmocka_unit_test(a_rest_that_refers_to_its_head_is_found_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
