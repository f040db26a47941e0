#include "format/block.h"

#include "format/movable_frame.h"

#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define ZSTD_STATIC_LINKING_ONLY /* for ZSTD_d_forceIgnoreChecksum */
#endif

#include <assert.h>
#include <inttypes.h>
#include <zstd.h>

#define LOW_WINDOW_LOG 22 /* 4 MiB, what a block of rows has on average */

void block_begin(struct byte_buffer *raw, enum block_type type, uint32_t number)
{
    raw->size = 0;
    byte_buffer_put_u32(raw, (uint32_t)type);
    byte_buffer_put_u32(raw, number);
}

bool block_open(struct byte_reader *body, uint32_t *type, const struct byte_buffer *raw,
    uint32_t number, struct error *err)
{
    uint32_t found;

    *body = byte_reader_over(raw->data, raw->size);
    *type = byte_reader_u32(body);
    found = byte_reader_u32(body);
    if (body->overrun)
        return error_set(
            err, ERROR_CORRUPT, "block has %zu bytes, too few for its head", raw->size);
    if (found != number)
        return error_set(err, ERROR_CORRUPT,
            "block says it is number %" PRIu32 ", expected %" PRIu32, found, number);
    return true;
}

void block_codec_release(struct block_codec *codec)
{
    ZSTD_freeCCtx(codec->compress);
    ZSTD_freeDCtx(codec->decompress);
    *codec = (struct block_codec){0};
}

/* Setting a valid parameter and compressing into enough room fail only without memory. */
static size_t demand(size_t result)
{
    assert(!ZSTD_isError(result));
    return result;
}

/*
 * Our own parameters for the low levels. Blocks are columnar, their matches long: looking for
 * long ones in one large table finds as much as zstd's own level 3 does, in two thirds of the time.
 */
static void choose_parameters(ZSTD_CCtx *context, int level)
{
    static const int hash_logs[] = {0, 15, 16, 18}; /* by level */
    bool is_low = level < (int)(sizeof(hash_logs) / sizeof(hash_logs[0]));

    demand(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level));
    demand(ZSTD_CCtx_setParameter(context, ZSTD_c_strategy, is_low ? ZSTD_fast : 0));
    demand(ZSTD_CCtx_setParameter(context, ZSTD_c_minMatch, is_low ? 6 : 0));
    demand(ZSTD_CCtx_setParameter(context, ZSTD_c_hashLog, is_low ? hash_logs[level] : 0));
    demand(ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, is_low ? LOW_WINDOW_LOG : 0));
}

void block_compress(
    struct block_codec *codec, struct byte_buffer *frame, const struct byte_buffer *raw, int level)
{
    size_t head_size = raw->size < MOVABLE_FRAME_HEAD_SIZE ? raw->size : MOVABLE_FRAME_HEAD_SIZE;
    size_t rest_size = raw->size - head_size;

    assert(raw->size <= BLOCK_SIZE_MAX && level >= BLOCK_LEVEL_MIN && level <= BLOCK_LEVEL_MAX);
    if (codec->compress == NULL) {
        codec->compress = ZSTD_createCCtx();
        assert(codec->compress != NULL);
    }
    choose_parameters(codec->compress, level);
    frame->size = 0;
    byte_buffer_reserve(frame, MOVABLE_FRAME_ROOM + ZSTD_compressBound(rest_size));
    frame->size = MOVABLE_FRAME_ROOM
                  + demand(ZSTD_compress2(codec->compress, frame->data + MOVABLE_FRAME_ROOM,
                      frame->capacity - MOVABLE_FRAME_ROOM, raw->data + head_size, rest_size));
    movable_frame_join(frame, raw->data, raw->size, head_size);
}

bool block_decompress(struct block_codec *codec, struct byte_buffer *raw, const uint8_t *frame,
    size_t size, size_t size_max, struct error *err)
{
    raw->size = 0;
    return block_decompress_behind(codec, raw, frame, size, size_max, err);
}

bool block_decompress_behind(struct block_codec *codec, struct byte_buffer *raw,
    const uint8_t *frame, size_t size, size_t size_max, struct error *err)
{
    unsigned long long content = ZSTD_getFrameContentSize(frame, size);
    size_t got;

    if (content == ZSTD_CONTENTSIZE_ERROR)
        return error_set(err, ERROR_CORRUPT, "not a zstd frame");
    if (content == ZSTD_CONTENTSIZE_UNKNOWN)
        return error_set(err, ERROR_CORRUPT, "the zstd frame does not declare its content size");
    if (ZSTD_findFrameCompressedSize(frame, size) != size)
        return error_set(err, ERROR_CORRUPT, "not exactly one zstd frame of %zu bytes", size);
    /* A zstd block takes four bytes at least and holds 128 KiB at most. */
    if (content / ZSTD_BLOCKSIZE_MAX > size / 4)
        return error_set(err, ERROR_CORRUPT,
            "the zstd frame declares %llu bytes, its %zu bytes cannot hold them", content, size);
    if (content > size_max || content > BLOCK_SIZE_MAX)
        return error_set(err, ERROR_CORRUPT, "the zstd frame declares %llu bytes, at most %zu fit",
            content, size_max);
    if (codec->decompress == NULL) {
        codec->decompress = ZSTD_createDCtx();
        assert(codec->decompress != NULL);
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
        demand(ZSTD_DCtx_setParameter(
            codec->decompress, ZSTD_d_forceIgnoreChecksum, ZSTD_d_ignoreChecksum));
#endif
    }
    byte_buffer_reserve(raw, (size_t)content);
    got =
        ZSTD_decompressDCtx(codec->decompress, raw->data + raw->size, (size_t)content, frame, size);
    if (ZSTD_isError(got))
        return error_set(
            err, ERROR_CORRUPT, "the zstd frame is damaged: %s", ZSTD_getErrorName(got));
    if (got != content)
        return error_set(
            err, ERROR_CORRUPT, "the zstd frame holds %zu bytes, it declares %llu", got, content);
    raw->size += got;
    return true;
}

bool block_frame_size(size_t *frame_size, const uint8_t *data, size_t size, struct error *err)
{
    size_t found = ZSTD_findFrameCompressedSize(data, size);

    if (ZSTD_isError(found))
        return error_set(err, ERROR_CORRUPT, "no zstd frame here: %s", ZSTD_getErrorName(found));
    *frame_size = found;
    return true;
}
