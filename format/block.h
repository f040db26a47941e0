/*
 * Blocks and the zstd frames that hold them (SPEC 3.2).
 *
 * A raw block is an 8-byte head (type, number) and a body. It becomes one
 * independent zstd frame with content size and checksum, and back.
 */
#ifndef FORMAT_BLOCK_H
#define FORMAT_BLOCK_H

#include "base/byte_buffer.h"
#include "base/byte_reader.h"
#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum block_type {
    BLOCK_SCHEMA = 1,
    BLOCK_ROWS = 2,
    BLOCK_TABLE_END = 3,
    BLOCK_INDEX = 4,
    BLOCK_UNITS = 5,     /* deltas only */
    BLOCK_UNCHANGED = 6, /* deltas only: nothing changed */
};

#define BLOCK_OPTIONAL 0x80000000u /* in a type: a reader that does not know it skips the block */
#define BLOCK_HEAD_SIZE 8
#define BLOCK_SIZE_MAX ((size_t)0x80000000) /* bytes of a raw block, SPEC 9 */
#define BLOCK_LEVEL_MIN 1
#define BLOCK_LEVEL_MAX 19
#define BLOCK_LEVEL_DEFAULT 3

/* Empties raw and begins it with the head. */
void block_begin(struct byte_buffer *raw, enum block_type type, uint32_t number);

/*
 * Reads the head of a raw block and leaves `body` over the rest.
 * Fails with ERROR_CORRUPT when shorter than a head or of another number.
 */
MUST_CHECK bool block_open(struct byte_reader *body, uint32_t *type, const struct byte_buffer *raw,
    uint32_t number, struct error *err);

/* Compression and decompression state, one for each thread. Zero-initialise. */
struct block_codec {
    void *compress;   /* ZSTD_CCtx, owned */
    void *decompress; /* ZSTD_DCtx, owned */
};

void block_codec_release(struct block_codec *codec);

/* Replaces `frame` by the zstd frame of `raw` (at most BLOCK_SIZE_MAX bytes), a movable one. */
void block_compress(
    struct block_codec *codec, struct byte_buffer *frame, const struct byte_buffer *raw, int level);

/*
 * Replaces `raw` by the content of the frame of exactly `size` bytes, which must
 * declare a content size of at most size_max. Fails with ERROR_CORRUPT.
 */
MUST_CHECK bool block_decompress(struct block_codec *codec, struct byte_buffer *raw,
    const uint8_t *frame, size_t size, size_t size_max, struct error *err);

/* The same, appended to `raw`, and size_max is of what is appended. */
MUST_CHECK bool block_decompress_behind(struct block_codec *codec, struct byte_buffer *raw,
    const uint8_t *frame, size_t size, size_t size_max, struct error *err);

/*
 * The size of the zstd frame that starts with the given bytes, and its content
 * size, judged from its frame and block headers alone. Fails with ERROR_CORRUPT.
 */
MUST_CHECK bool block_frame_size(
    size_t *frame_size, const uint8_t *data, size_t size, struct error *err);

#endif
