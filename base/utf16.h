/* UTF-16 as SQLite stores it, turned into UTF-8 and back without losing anything (SPEC 4.1). */
#ifndef BASE_UTF16_H
#define BASE_UTF16_H

#include "base/byte_buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that `size` bytes of UTF-16 need at most as UTF-8. */
static inline size_t utf16_room(size_t size)
{
    return size / 2 * 3;
}

/*
 * Writes `size` bytes of UTF-16 as UTF-8 to out, which has utf16_room(size)
 * bytes; returns how many. A surrogate without its partner becomes three bytes,
 * an odd last byte is dropped.
 */
size_t utf16_to_utf8(uint8_t *out, const uint8_t *in, size_t size, bool is_big_endian);

/*
 * Appends UTF-8 as UTF-16. False when the text is none that utf16_to_utf8()
 * writes; then what was appended is of no use.
 */
bool utf16_from_utf8(
    struct byte_buffer *out, const uint8_t *bytes, size_t size, bool is_big_endian);

#endif
