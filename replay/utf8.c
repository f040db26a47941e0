#include "replay/utf8.h"

#include <string.h>

static bool is_tail(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

static size_t three_bytes(const uint8_t *b)
{
    bool is_overlong = b[0] == 0xe0 && b[1] < 0xa0;
    bool is_surrogate = b[0] == 0xed && b[1] > 0x9f;

    return is_tail(b[1]) && is_tail(b[2]) && !is_overlong && !is_surrogate ? 3 : 0;
}

static size_t four_bytes(const uint8_t *b)
{
    bool is_overlong = b[0] == 0xf0 && b[1] < 0x90;
    bool is_too_high = b[0] == 0xf4 && b[1] > 0x8f;

    return is_tail(b[1]) && is_tail(b[2]) && is_tail(b[3]) && !is_overlong && !is_too_high ? 4 : 0;
}

size_t utf8_character_size(const uint8_t *bytes, size_t size)
{
    uint8_t first = bytes[0];

    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first <= 0xdf)
        return size >= 2 && is_tail(bytes[1]) ? 2 : 0;
    if (first >= 0xe0 && first <= 0xef)
        return size >= 3 ? three_bytes(bytes) : 0;
    if (first >= 0xf0 && first <= 0xf4)
        return size >= 4 ? four_bytes(bytes) : 0;
    return 0;
}

bool utf8_is_valid(const uint8_t *bytes, size_t size)
{
    size_t at = 0;

    while (at < size) {
        uint64_t eight;
        size_t character;

        if (size - at >= sizeof(eight)) {
            memcpy(&eight, bytes + at, sizeof(eight));
            if ((eight & 0x8080808080808080u) == 0) {
                at += sizeof(eight);
                continue;
            }
        }
        character = utf8_character_size(bytes + at, size - at);
        if (character == 0)
            return false;
        at += character;
    }
    return true;
}

size_t utf8_length(const uint8_t *bytes, size_t size)
{
    size_t length = 0;

    for (size_t i = 0; i < size; i++)
        length += !is_tail(bytes[i]);
    return length;
}
