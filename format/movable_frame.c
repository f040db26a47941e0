#include "format/movable_frame.h"

#include "base/byte_reader.h"

#include <assert.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* RFC 8878, 3.1.1. */
#define FRAME_MAGIC 0xfd2fb528u
#define SINGLE_SEGMENT 0x20
#define HAS_CHECKSUM 0x04
#define DICTIONARY_ID 0x03
#define RESERVED 0x08
#define CHECKSUM_SIZE 4
#define BLOCK_HEADER_SIZE 3
#define HEADER_SIZE_MAX ((size_t)14)

/* What a frame's header says. */
struct frame_header {
    bool is_single_segment;
    bool has_checksum;
    uint8_t window; /* if not single_segment */
    uint64_t content_size;
    size_t size; /* bytes of the header */
};

/* False if it is none, or one without content size or with a dictionary. */
static bool header_decode(struct frame_header *out, const uint8_t *bytes, size_t size)
{
    static const size_t field_sizes[] = {0, 2, 4, 8};
    struct byte_reader r = byte_reader_over(bytes, size);
    uint8_t descriptor;
    size_t field_size;

    if (byte_reader_u32(&r) != FRAME_MAGIC)
        return false;
    descriptor = byte_reader_u8(&r);
    out->is_single_segment = (descriptor & SINGLE_SEGMENT) != 0;
    out->has_checksum = (descriptor & HAS_CHECKSUM) != 0;
    field_size = field_sizes[descriptor >> 6];
    if (field_size == 0 && out->is_single_segment)
        field_size = 1;
    if ((descriptor & (DICTIONARY_ID | RESERVED)) != 0 || field_size == 0)
        return false;
    out->window = out->is_single_segment ? 0 : byte_reader_u8(&r);
    out->content_size = 0;
    for (size_t i = 0; i < field_size; i++)
        out->content_size |= (uint64_t)byte_reader_u8(&r) << (8 * i);
    if (field_size == 2)
        out->content_size += 256;
    out->size = 5 + (out->is_single_segment ? 0u : 1u) + field_size;
    return !r.overrun;
}

/* Writes a header of content_size < 2^32; returns its size. */
static size_t header_encode(uint8_t bytes[HEADER_SIZE_MAX], const struct frame_header *header)
{
    uint64_t content = header->content_size;
    uint8_t code = 2;
    size_t field_size = 4;
    size_t at = 0;

    if (content < 256 && header->is_single_segment) {
        code = 0;
        field_size = 1;
    } else if (content >= 256 && content < 65536 + 256) {
        code = 1;
        field_size = 2;
        content -= 256;
    }
    for (size_t i = 0; i < 4; i++)
        bytes[at++] = (uint8_t)(FRAME_MAGIC >> (8 * i));
    bytes[at++] = (uint8_t)(code << 6 | (header->is_single_segment ? SINGLE_SEGMENT : 0)
                            | (header->has_checksum ? HAS_CHECKSUM : 0));
    if (!header->is_single_segment)
        bytes[at++] = header->window;
    for (size_t i = 0; i < field_size; i++)
        bytes[at++] = (uint8_t)(content >> (8 * i));
    return at;
}

uint32_t movable_frame_checksum(const uint8_t *raw, size_t raw_size)
{
    return (uint32_t)XXH64(raw, raw_size, 0);
}

void movable_frame_join(
    struct byte_buffer *frame, const uint8_t *raw, size_t raw_size, size_t head_size)
{
    uint8_t front[HEADER_SIZE_MAX + BLOCK_HEADER_SIZE + MOVABLE_FRAME_HEAD_SIZE];
    uint32_t block_header = (uint32_t)head_size << 3; /* a raw block, not the last one */
    struct frame_header header;
    bool is_frame =
        header_decode(&header, frame->data + MOVABLE_FRAME_ROOM, frame->size - MOVABLE_FRAME_ROOM);
    size_t rest = MOVABLE_FRAME_ROOM + header.size;
    size_t rest_size;
    size_t at;

    assert(is_frame && !header.has_checksum && header.content_size == raw_size - head_size);
    assert(head_size <= MOVABLE_FRAME_HEAD_SIZE && raw_size <= UINT32_MAX);
    header.content_size = raw_size;
    header.has_checksum = true;
    at = header_encode(front, &header);
    for (size_t i = 0; i < BLOCK_HEADER_SIZE; i++)
        front[at++] = (uint8_t)(block_header >> (8 * i));
    memcpy(front + at, raw, head_size);
    at += head_size;
    rest_size = frame->size - rest;
    if (at != rest) {
        byte_buffer_reserve(frame, sizeof(front));
        memmove(frame->data + at, frame->data + rest, rest_size);
    }
    memcpy(frame->data, front, at);
    frame->size = at + rest_size;
    byte_buffer_put_u32(frame, movable_frame_checksum(raw, raw_size));
}

bool movable_frame_split(
    struct byte_buffer *frame, uint8_t head[MOVABLE_FRAME_HEAD_SIZE], uint32_t *checksum)
{
    static const uint8_t block_header[BLOCK_HEADER_SIZE] = {MOVABLE_FRAME_HEAD_SIZE << 3, 0, 0};
    uint8_t front[HEADER_SIZE_MAX];
    struct frame_header header;
    size_t rest;
    size_t rest_size;
    size_t at;

    if (!header_decode(&header, frame->data, frame->size) || !header.has_checksum)
        return false;
    rest = header.size + BLOCK_HEADER_SIZE + MOVABLE_FRAME_HEAD_SIZE;
    if (frame->size < rest + BLOCK_HEADER_SIZE + CHECKSUM_SIZE || header.content_size > UINT32_MAX
        || header.content_size < MOVABLE_FRAME_HEAD_SIZE
        || memcmp(frame->data + header.size, block_header, BLOCK_HEADER_SIZE) != 0)
        return false;
    memcpy(head, frame->data + rest - MOVABLE_FRAME_HEAD_SIZE, MOVABLE_FRAME_HEAD_SIZE);
    *checksum = byte_reader_load_u32(frame->data + frame->size - CHECKSUM_SIZE);
    rest_size = frame->size - CHECKSUM_SIZE - rest;
    header.content_size -= MOVABLE_FRAME_HEAD_SIZE;
    header.has_checksum = false;
    at = header_encode(front, &header);
    byte_buffer_reserve(frame, MOVABLE_FRAME_ROOM);
    if (MOVABLE_FRAME_ROOM + at != rest)
        memmove(frame->data + MOVABLE_FRAME_ROOM + at, frame->data + rest, rest_size);
    memcpy(frame->data + MOVABLE_FRAME_ROOM, front, at);
    frame->size = MOVABLE_FRAME_ROOM + at + rest_size;
    return true;
}
