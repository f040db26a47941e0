/* UTF-16 as SQLite stores it, turned into UTF-8 without losing anything (SPEC 4.1). */
#ifndef DUMP_UTF16_H
#define DUMP_UTF16_H

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

#endif
