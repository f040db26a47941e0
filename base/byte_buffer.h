/*
 * Bytes being written: grows as needed, little-endian.
 *
 * Growing cannot fail visibly: when memory is exhausted the process ends (sizes
 * that come from outside are bounded before they get here). Zero-initialise.
 */
#ifndef BASE_BYTE_BUFFER_H
#define BASE_BYTE_BUFFER_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct byte_buffer {
    uint8_t *data; /* owned */
    size_t size;   /* bytes in use */
    size_t capacity;
};

/* Frees the bytes and zeroes the buffer. */
void byte_buffer_release(struct byte_buffer *b);

/*
 * Gives the memory of the bytes behind kept_size back to the system: the room for them stays, what
 * they were is lost.
 */
void byte_buffer_give_back(struct byte_buffer *b, size_t kept_size);

/*
 * Bytes that are seldom given back: most blocks need no more. Were they all kept, each buffer would
 * sooner or later have the memory of the longest block.
 */
#define BYTE_BUFFER_KEPT_SIZE ((size_t)4 << 20)

/* The same for each of so many that work side by side: more of them keep no more than two do. */
static inline size_t byte_buffer_kept_share(size_t count)
{
    return count <= 2 ? BYTE_BUFFER_KEPT_SIZE : 2 * BYTE_BUFFER_KEPT_SIZE / count;
}

/* Makes room for at least `more` further bytes; what byte_buffer_reserve() calls when it must. */
void byte_buffer_grow(struct byte_buffer *b, size_t more);

/* What byte_buffer_reserve_exactly() calls when it must. */
void byte_buffer_grow_exactly(struct byte_buffer *b, size_t more);

/* Writes a little-endian integer to memory that has room for it. */
static inline void byte_buffer_store_u32(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
    at[2] = (uint8_t)(value >> 16);
    at[3] = (uint8_t)(value >> 24);
}

static inline void byte_buffer_store_u64(uint8_t *at, uint64_t value)
{
    byte_buffer_store_u32(at, (uint32_t)value);
    byte_buffer_store_u32(at + 4, (uint32_t)(value >> 32));
}

/* --- inline, as dump and replay do little else ------------------------------ */

/* Makes room for `more` further bytes without changing size. */
static inline void byte_buffer_reserve(struct byte_buffer *b, size_t more)
{
    if (b->capacity - b->size < more)
        byte_buffer_grow(b, more);
}

/* The same where no more will ever be wanted: takes no memory beyond it. */
static inline void byte_buffer_reserve_exactly(struct byte_buffer *b, size_t more)
{
    if (b->capacity - b->size < more)
        byte_buffer_grow_exactly(b, more);
}

/* Appends. put_text appends the bytes of a NUL-ended string. */
static inline void byte_buffer_put(struct byte_buffer *b, const void *bytes, size_t size)
{
    if (size == 0)
        return;
    byte_buffer_reserve(b, size);
    memcpy(b->data + b->size, bytes, size);
    b->size += size;
}

static inline void byte_buffer_swap(struct byte_buffer *a, struct byte_buffer *b)
{
    struct byte_buffer before = *a;

    *a = *b;
    *b = before;
}

static inline void byte_buffer_put_text(struct byte_buffer *b, const char *text)
{
    byte_buffer_put(b, text, strlen(text));
}

static inline void byte_buffer_put_u8(struct byte_buffer *b, uint8_t value)
{
    byte_buffer_reserve(b, 1);
    b->data[b->size++] = value;
}

static inline void byte_buffer_put_u32(struct byte_buffer *b, uint32_t value)
{
    byte_buffer_reserve(b, 4);
    byte_buffer_store_u32(b->data + b->size, value);
    b->size += 4;
}

static inline void byte_buffer_put_u64(struct byte_buffer *b, uint64_t value)
{
    byte_buffer_reserve(b, 8);
    byte_buffer_store_u64(b->data + b->size, value);
    b->size += 8;
}

void byte_buffer_put_u16(struct byte_buffer *b, uint16_t value);

/* Appends formatted text of any length, without a NUL. The second form is for functions with "...".
 */
void byte_buffer_format(struct byte_buffer *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void byte_buffer_format_list(struct byte_buffer *b, const char *fmt, va_list args)
    __attribute__((format(printf, 2, 0)));

/* Overwrites four or eight bytes that were appended before, at offset `at`. */
void byte_buffer_set_u32(struct byte_buffer *b, size_t at, uint32_t value);
void byte_buffer_set_u64(struct byte_buffer *b, size_t at, uint64_t value);

/* realloc and calloc that end the process when memory is exhausted. */
void *byte_buffer_realloc(void *old, size_t size);
void *byte_buffer_calloc(size_t count, size_t size);

#endif
