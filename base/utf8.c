#include "base/utf8.h"

#include <string.h>

#define HIGH_BITS UINT64_C(0x8080808080808080)

/* The range of the second byte of a character that begins with this one. */
static void second_byte(uint8_t first, uint8_t *low, uint8_t *high)
{
    *low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;  /* overlong below */
    *high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf; /* surrogates, beyond the end */
}

size_t utf8_character_size(const uint8_t *bytes, size_t size)
{
    uint8_t first = bytes[0];
    uint8_t low;
    uint8_t high;
    size_t wanted;

    if (first < 0x80)
        return 1;
    if (first < 0xc2 || first > 0xf4)
        return 0;
    wanted = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    second_byte(first, &low, &high);
    if (size < wanted || bytes[1] < low || bytes[1] > high)
        return 0;
    for (size_t i = 2; i < wanted; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
    }
    return wanted;
}

/* Bytes of ASCII at the start, counted eight at a time. */
static size_t skip_ascii(const uint8_t *at, size_t left)
{
    size_t size = 0;

    while (left - size >= 8) {
        uint64_t word;

        memcpy(&word, at + size, sizeof(word));
        if ((word & HIGH_BITS) != 0)
            break;
        size += 8;
    }
    return size;
}

bool utf8_is_valid(const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        size_t step = skip_ascii(bytes, size);

        if (step == 0)
            step = utf8_character_size(bytes, size);
        if (step == 0)
            return false;
        bytes += step;
        size -= step;
    }
    return true;
}

size_t utf8_length(const uint8_t *bytes, size_t size)
{
    size_t length = 0;

    /* Every character has one byte that does not continue another. */
    for (size_t i = 0; i < size; i++)
        length += (bytes[i] & 0xc0) != 0x80;
    return length;
}
