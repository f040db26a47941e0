#include "tools/frame_walk.h"

#include "base/byte_reader.h"
#include "base/owned.h"

#include <inttypes.h>
#include <string.h>

/* RFC 8878, 3.1.1. */
#define FRAME_MAGIC 0xfd2fb528u
#define FRAME_HEADER_SIZE_MAX 14
#define BLOCK_HEADER_SIZE 3
#define BLOCK_SIZE_LIMIT (128u * 1024) /* bytes of a zstd block's content */
#define WINDOW_SIZE ((size_t)1 << 16)  /* bytes looked at together when searching */

enum zstd_block_type {
    ZSTD_BLOCK_RAW = 0,
    ZSTD_BLOCK_RLE = 1,
    ZSTD_BLOCK_COMPRESSED = 2,
    ZSTD_BLOCK_RESERVED = 3,
};

static bool is_inside(uint64_t offset, size_t size, uint64_t end, struct error *err)
{
    if (offset <= end && size <= end - offset)
        return true;
    return error_set(err, ERROR_CORRUPT, "the frame is cut off at byte %" PRIu64, end);
}

/* The size of the frame header that starts with these five bytes; 0 if it is none. */
static size_t frame_header_size(const uint8_t head[5])
{
    static const size_t content_field_size[] = {0, 2, 4, 8};
    static const size_t dictionary_field_size[] = {0, 1, 2, 4};
    uint8_t descriptor = head[4];
    bool is_single_segment = (descriptor & 0x20) != 0;
    size_t content_size = content_field_size[descriptor >> 6];

    if (byte_reader_load_u32(head) != FRAME_MAGIC || (descriptor & 0x08) != 0)
        return 0;
    if (is_single_segment && content_size == 0)
        content_size = 1;
    return 5 + (is_single_segment ? 0u : 1u) + dictionary_field_size[descriptor & 3] + content_size;
}

bool frame_walk_measure(const struct file_input *file, uint64_t offset, uint64_t end,
    uint64_t *frame_size, struct error *err)
{
    uint8_t head[5] = {0};
    uint64_t next;
    bool is_last = false;

    if (!is_inside(offset, sizeof(head), end, err)
        || !file_input_read_at(file, offset, head, sizeof(head), err))
        return false;
    next = offset + frame_header_size(head);
    if (next == offset)
        return error_set(err, ERROR_CORRUPT, "there is no zstd frame at byte %" PRIu64, offset);
    while (!is_last) {
        uint8_t bytes[BLOCK_HEADER_SIZE] = {0};
        uint32_t word;
        uint32_t content_size;
        enum zstd_block_type type;

        if (!is_inside(next, sizeof(bytes), end, err)
            || !file_input_read_at(file, next, bytes, sizeof(bytes), err))
            return false;
        word = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16;
        is_last = (word & 1) != 0;
        type = (enum zstd_block_type)(word >> 1 & 3);
        content_size = word >> 3;
        if (type == ZSTD_BLOCK_RESERVED || content_size > BLOCK_SIZE_LIMIT)
            return error_set(
                err, ERROR_CORRUPT, "the zstd block header at byte %" PRIu64 " is not sound", next);
        next += BLOCK_HEADER_SIZE + (type == ZSTD_BLOCK_RLE ? 1 : content_size);
    }
    next += (head[4] & 0x04) != 0 ? 4 : 0; /* the content checksum */
    if (next > end)
        return error_set(err, ERROR_CORRUPT, "the frame is cut off at byte %" PRIu64, end);
    *frame_size = next - offset;
    return true;
}

/* True and *found if a frame with sound headers begins in the window's bytes. */
static bool search(const struct file_input *file, uint64_t window_offset,
    const struct byte_buffer *window, uint64_t end, uint64_t *found)
{
    for (size_t i = 0; i + 4 <= window->size; i++) {
        const uint8_t *p = memchr(window->data + i, FRAME_MAGIC & 0xff, window->size - 3 - i);
        struct error ignored;
        uint64_t frame_size;

        if (p == NULL)
            return false;
        i = (size_t)(p - window->data);
        if (byte_reader_load_u32(p) == FRAME_MAGIC
            && frame_walk_measure(file, window_offset + i, end, &frame_size, &ignored)) {
            *found = window_offset + i;
            return true;
        }
    }
    return false;
}

bool frame_walk_find(const struct file_input *file, uint64_t offset, uint64_t end, uint64_t *found,
    struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer window = {0};

    byte_buffer_reserve(&window, WINDOW_SIZE);
    while (offset < end && end - offset > FRAME_HEADER_SIZE_MAX) {
        uint64_t left = end - offset;

        window.size = left < WINDOW_SIZE ? (size_t)left : WINDOW_SIZE;
        if (!file_input_read_at(file, offset, window.data, window.size, err))
            return false;
        if (search(file, offset, &window, end, found))
            return true;
        /* The magic may lie across two windows. */
        offset += window.size < 4 ? window.size : window.size - 3;
        if (left == window.size)
            break;
    }
    *found = end;
    return true;
}
