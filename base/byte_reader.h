/*
 * Reading bytes that may be hostile.
 *
 * A reader walks a byte range it does not own. Reading past the end sets
 * `overrun` and yields zero from then on, so a decoder reads all its fields
 * and checks once.
 */
#ifndef BASE_BYTE_READER_H
#define BASE_BYTE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct byte_reader {
    const uint8_t *next;
    const uint8_t *end;
    bool overrun;
};

struct byte_reader byte_reader_over(const void *data, size_t size);

/* Reads a little-endian integer from memory that holds one. */
static inline uint32_t byte_reader_load_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t byte_reader_load_u64(const uint8_t *p)
{
    return byte_reader_load_u32(p) | (uint64_t)byte_reader_load_u32(p + 4) << 32;
}

/* Borrows size bytes from the range; NULL on overrun. Inline, as decoding does little else. */
static inline const uint8_t *byte_reader_span(struct byte_reader *r, size_t size)
{
    const uint8_t *span = r->next;

    if (r->overrun || size > (size_t)(r->end - r->next)) {
        r->overrun = true;
        return NULL;
    }
    r->next += size;
    return span;
}

/* Little-endian, as everywhere in SPEC 2. */
static inline uint8_t byte_reader_u8(struct byte_reader *r)
{
    const uint8_t *p = byte_reader_span(r, 1);

    return p == NULL ? 0 : p[0];
}

static inline uint16_t byte_reader_u16(struct byte_reader *r)
{
    const uint8_t *p = byte_reader_span(r, 2);

    return p == NULL ? 0 : (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t byte_reader_u32(struct byte_reader *r)
{
    const uint8_t *p = byte_reader_span(r, 4);

    return p == NULL ? 0 : byte_reader_load_u32(p);
}

static inline uint64_t byte_reader_u64(struct byte_reader *r)
{
    const uint8_t *p = byte_reader_span(r, 8);

    return p == NULL ? 0 : byte_reader_load_u64(p);
}

/* Bytes not yet read; 0 after an overrun. */
static inline size_t byte_reader_left(const struct byte_reader *r)
{
    return r->overrun ? 0 : (size_t)(r->end - r->next);
}

#endif
