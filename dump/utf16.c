#include "dump/utf16.h"

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
