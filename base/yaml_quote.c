#include "base/yaml_quote.h"

#include "base/utf8.h"

#include <stdbool.h>
#include <stdio.h>

static uint32_t character_at(const uint8_t *bytes, size_t size)
{
    static const uint8_t masks[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t character = bytes[0] & masks[size];

    for (size_t i = 1; i < size; i++)
        character = character << 6 | (bytes[i] & 0x3F);
    return character;
}

/* YAML 1.1, 5.1: what is not printable; and the line breaks and the byte order mark. */
static bool must_be_escaped(uint32_t c)
{
    return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x2028 || c == 0x2029 || c == 0xFEFF
           || c == 0xFFFE || c == 0xFFFF;
}

void yaml_quote_put(struct byte_buffer *out, const char *text)
{
    const uint8_t *bytes = (const uint8_t *)text;
    size_t left = strlen(text);

    byte_buffer_put_u8(out, '"');
    while (left > 0) {
        size_t size = utf8_character_size(bytes, left);
        uint32_t c = character_at(bytes, size == 0 ? 1 : size);
        char escaped[12];

        if (c == '"' || c == '\\')
            byte_buffer_put_u8(out, '\\');
        if (must_be_escaped(c))
            byte_buffer_put(out, escaped,
                (size_t)snprintf(
                    escaped, sizeof(escaped), c < 0x100 ? "\\x%02X" : "\\u%04X", (unsigned)c));
        else
            byte_buffer_put(out, bytes, size == 0 ? 1 : size);
        bytes += size == 0 ? 1 : size;
        left -= size == 0 ? 1 : size;
    }
    byte_buffer_put_u8(out, '"');
}
