#include "base/utf16.h"

static inline uint32_t load(const uint8_t *at, bool is_big_endian)
{
    return is_big_endian ? (uint32_t)at[0] << 8 | at[1] : (uint32_t)at[1] << 8 | at[0];
}

static inline bool is_high(uint32_t unit)
{
    return unit >= 0xd800 && unit < 0xdc00;
}

static inline bool is_low(uint32_t unit)
{
    return unit >= 0xdc00 && unit < 0xe000;
}

/* Writes a code point, which may be a surrogate; returns where the next one goes. */
static inline uint8_t *put(uint8_t *to, uint32_t code)
{
    if (code < 0x80) {
        *to++ = (uint8_t)code;
    } else if (code < 0x800) {
        *to++ = (uint8_t)(0xc0 | code >> 6);
        *to++ = (uint8_t)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *to++ = (uint8_t)(0xe0 | code >> 12);
        *to++ = (uint8_t)(0x80 | (code >> 6 & 0x3f));
        *to++ = (uint8_t)(0x80 | (code & 0x3f));
    } else {
        *to++ = (uint8_t)(0xf0 | code >> 18);
        *to++ = (uint8_t)(0x80 | (code >> 12 & 0x3f));
        *to++ = (uint8_t)(0x80 | (code >> 6 & 0x3f));
        *to++ = (uint8_t)(0x80 | (code & 0x3f));
    }
    return to;
}

size_t utf16_to_utf8(uint8_t *out, const uint8_t *in, size_t size, bool is_big_endian)
{
    const uint8_t *end = in + size / 2 * 2;
    uint8_t *to = out;

    while (in < end) {
        uint32_t code = load(in, is_big_endian);

        in += 2;
        if (is_high(code) && in < end && is_low(load(in, is_big_endian))) {
            code = 0x10000 + ((code - 0xd800) << 10) + (load(in, is_big_endian) - 0xdc00);
            in += 2;
        }
        to = put(to, code);
    }
    return (size_t)(to - out);
}

/* Bytes of the sequence that starts with this one; 0 if none does. */
static size_t sequence_size(uint8_t first)
{
    if (first < 0x80)
        return 1;
    if (first < 0xc2)
        return 0;
    return first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
}

/* Decodes one code point of at most `size` bytes; returns its bytes, 0 if it is not valid. */
static size_t take_utf8(uint32_t *point, const uint8_t *bytes, size_t size)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t count = sequence_size(bytes[0]);

    if (count == 0 || count > size)
        return 0;
    *point = count == 1 ? bytes[0] : bytes[0] & (0xffu >> (count + 1));
    for (size_t i = 1; i < count; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
        *point = *point << 6 | (bytes[i] & 0x3fu);
    }
    return *point >= smallest[count] && *point <= 0x10ffff ? count : 0;
}

static void put_unit(struct byte_buffer *out, uint32_t unit, bool is_big_endian)
{
    byte_buffer_put_u8(out, (uint8_t)(is_big_endian ? unit >> 8 : unit));
    byte_buffer_put_u8(out, (uint8_t)(is_big_endian ? unit : unit >> 8));
}

bool utf16_from_utf8(struct byte_buffer *out, const uint8_t *bytes, size_t size, bool is_big_endian)
{
    uint32_t before = 0;

    byte_buffer_reserve(out, size * 2);
    for (size_t i = 0; i < size;) {
        uint32_t point;
        size_t count = take_utf8(&point, bytes + i, size - i);

        /* A pair has a form of its own, in four bytes. */
        if (count == 0 || (is_high(before) && is_low(point)))
            return false;
        if (point < 0x10000) {
            put_unit(out, point, is_big_endian);
        } else {
            put_unit(out, 0xd800 + ((point - 0x10000) >> 10), is_big_endian);
            put_unit(out, 0xdc00 + ((point - 0x10000) & 0x3ff), is_big_endian);
        }
        before = point;
        i += count;
    }
    return true;
}
