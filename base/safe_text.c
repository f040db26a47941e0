#include "base/safe_text.h"

#include "base/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Inclusive ranges of code points. */
struct range {
    uint32_t first;
    uint32_t last;
};

/* What a terminal obeys, or what makes text look like other text. */
static const struct range harmful[] = {
    {0x0000, 0x001f},
    {0x007f, 0x009f},
    {0x061c, 0x061c},
    {0x200b, 0x200f},
    {0x2028, 0x202e},
    {0x2060, 0x206f},
    {0xfeff, 0xfeff},
    {0xfff9, 0xfffb},
    {0xe0000, 0xe007f},
};

/* Scripts whose characters take two columns, roughly. */
static const struct range wide[] = {
    {0x1100, 0x115f},
    {0x2e80, 0xa4cf},
    {0xac00, 0xd7a3},
    {0xf900, 0xfaff},
    {0xfe30, 0xfe6f},
    {0xff00, 0xff60},
    {0xffe0, 0xffe6},
    {0x1f300, 0x1faff},
    {0x20000, 0x3fffd},
};

static const struct range combining[] = {
    {0x0300, 0x036f},
    {0x1ab0, 0x1aff},
    {0x20d0, 0x20ff},
    {0xfe00, 0xfe0f},
};

static bool is_in(const struct range *ranges, size_t count, uint32_t code)
{
    for (size_t i = 0; i < count; i++) {
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    }
    return false;
}

#define IS_IN(ranges, code) is_in(ranges, sizeof(ranges) / sizeof((ranges)[0]), code)

/* The bytes of the character at p, of which left remain; 0 where there is no valid one. */
static size_t decode(const uint8_t *p, size_t left, uint32_t *code)
{
    size_t size = utf8_character_size(p, left);

    if (size == 0)
        return 0;
    *code = size == 1 ? p[0] : p[0] & (0xffu >> (size + 1));
    for (size_t i = 1; i < size; i++)
        *code = *code << 6 | (p[i] & 0x3fu);
    return size;
}

static void put(struct byte_buffer *out, const uint8_t *p, size_t size, bool is_quoted)
{
    while (size > 0) {
        uint32_t code = 0;
        size_t taken = decode(p, size, &code);
        char escape[16];

        if (taken == 0 || (taken == 1 && IS_IN(harmful, code))) {
            snprintf(escape, sizeof(escape), "\\x%02x", (unsigned)p[0]);
            byte_buffer_put_text(out, escape);
            taken = 1;
        } else if (IS_IN(harmful, code)) {
            snprintf(escape, sizeof(escape), "\\u{%x}", (unsigned)code);
            byte_buffer_put_text(out, escape);
        } else {
            if (is_quoted && code == '"')
                byte_buffer_put_u8(out, '"');
            byte_buffer_put(out, p, taken);
        }
        p += taken;
        size -= taken;
    }
}

void safe_text_put(struct byte_buffer *out, const void *bytes, size_t size)
{
    put(out, bytes, size, false);
}

void safe_text_quote(struct byte_buffer *out, const void *bytes, size_t size)
{
    byte_buffer_put_u8(out, '"');
    put(out, bytes, size, true);
    byte_buffer_put_u8(out, '"');
}

size_t safe_text_width(const void *bytes, size_t size)
{
    const uint8_t *p = bytes;
    size_t width = 0;

    while (size > 0) {
        uint32_t code = 0;
        size_t taken = decode(p, size, &code);

        if (taken == 0)
            taken = 1;
        if (!IS_IN(combining, code))
            width += IS_IN(wide, code) ? 2 : 1;
        p += taken;
        size -= taken;
    }
    return width;
}
