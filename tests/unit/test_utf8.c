#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* Encodes any number up to 21 bits, sound or not, in size bytes. */
static void encode(uint32_t code, size_t size, uint8_t *out)
{
    static const uint8_t marks[] = {0, 0, 0xc0, 0xe0, 0xf0};

    for (size_t i = size - 1; i > 0; i--, code >>= 6)
        out[i] = (uint8_t)(0x80 | (code & 0x3f));
    out[0] = size == 1 ? (uint8_t)code : (uint8_t)(marks[size] | code);
}

static void every_character_is_judged(void **state)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    static const uint32_t beyond[] = {0, 0x80, 0x800, 0x10000, 0x200000};

    (void)state;
    for (size_t size = 1; size <= 4; size++) {
        for (uint32_t code = 0; code < beyond[size]; code++) {
            bool is_valid =
                code >= smallest[size] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
            uint8_t bytes[4];

            encode(code, size, bytes);
            if (utf8_character_size(bytes, size) != (is_valid ? size : 0))
                fail_msg("U+%04X in %zu bytes", code, size);
            if (size > 1 && utf8_character_size(bytes, size - 1) != 0)
                fail_msg("U+%04X in %zu bytes, cut", code, size);
        }
    }
}

static void texts_are_judged(void **state)
{
    static const struct {
        const char *text;
        size_t size;
        bool is_valid;
        size_t length;
    } cases[] = {
        {"", 0, true, 0},
        {"a\0b", 3, true, 3},
        {"plain ASCII of many bytes, then \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 and more", 50, true,
            44},
        {"12345678\xff", 9, false, 0},
        {"1234567\xc3", 8, false, 0},
        {"\x80", 1, false, 0},
        {"12345678\xed\xa0\x80", 11, false, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const uint8_t *bytes = (const uint8_t *)cases[i].text;

        assert_int_equal(utf8_is_valid(bytes, cases[i].size), cases[i].is_valid);
        if (cases[i].is_valid)
            assert_int_equal(utf8_length(bytes, cases[i].size), cases[i].length);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_character_is_judged),
        cmocka_unit_test(texts_are_judged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
