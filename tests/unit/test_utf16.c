#include "base/utf16.h"

#include "base/owned.h"
#include "tests/unit/unit.h"

static const struct {
    const char *name;
    const char *utf16le;
    size_t size;
    const char *utf8;
} cases[] = {
    {"nothing", "", 0, ""},
    {"ASCII", "a\0b\0", 4, "ab"},
    {"two bytes", "\xe9\0", 2, "\xc3\xa9"},
    {"three bytes", "\xac\x20", 2, "\xe2\x82\xac"},
    {"the last before surrogates", "\xff\xd7", 2, "\xed\x9f\xbf"},
    {"the first after surrogates", "\0\xe0", 2, "\xee\x80\x80"},
    {"the last of the basic plane", "\xff\xff", 2, "\xef\xbf\xbf"},
    {"a pair", "\x3d\xd8\0\xde", 4, "\xf0\x9f\x98\x80"},
    {"the last pair", "\xff\xdb\xff\xdf", 4, "\xf4\x8f\xbf\xbf"},
    {"high alone", "\0\xd8", 2, "\xed\xa0\x80"},
    {"low alone", "\xff\xdf", 2, "\xed\xbf\xbf"},
    {"high before a letter", "\0\xd8x\0", 4, "\xed\xa0\x80x"},
    {"low before high", "\0\xdc\0\xd8", 4, "\xed\xb0\x80\xed\xa0\x80"},
    {"high, then a pair", "\0\xd8\x3d\xd8\0\xde", 6, "\xed\xa0\x80\xf0\x9f\x98\x80"},
    {"an odd byte", "a\0b", 3, "a"},
    {"one byte", "a", 1, ""},
    {"high at an odd end", "\0\xd8\0", 3, "\xed\xa0\x80"},
};

static void check(size_t number, const uint8_t *in, bool is_big_endian)
{
    uint8_t out[32];
    size_t size = utf16_to_utf8(out, in, cases[number].size, is_big_endian);

    assert_true(size <= utf16_room(cases[number].size));
    if (size != strlen(cases[number].utf8) || memcmp(out, cases[number].utf8, size) != 0)
        fail_msg("%s is wrong", cases[number].name);
}

static void little_endian(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check(i, (const uint8_t *)cases[i].utf16le, false);
}

static void big_endian(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint8_t swapped[16] = {0};

        for (size_t at = 0; at < cases[i].size; at++)
            if (at % 2 == 1 || at + 1 < cases[i].size)
                swapped[at] = (uint8_t)cases[i].utf16le[at ^ 1];
        check(i, swapped, true);
    }
}

static void and_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        OWNED(byte_buffer) struct byte_buffer out = {0};
        const void *utf8 = cases[i].utf8;

        assert_true(utf16_from_utf8(&out, utf8, strlen(cases[i].utf8), false));
        assert_int_equal(out.size, cases[i].size / 2 * 2);
        if (out.size > 0)
            assert_memory_equal(out.data, cases[i].utf16le, out.size);
    }
}

static void other_texts_have_no_utf16(void **state)
{
    static const char *const wrong[] = {
        "\x80",                     /* a continuation alone */
        "\xc0\x80",                 /* overlong */
        "\xc1\xbf",                 /* overlong */
        "\xe0\x9f\xbf",             /* overlong */
        "\xf0\x8f\xbf\xbf",         /* overlong */
        "\xf4\x90\x80\x80",         /* above U+10FFFF */
        "\xf5\x80\x80\x80",         /* likewise */
        "\xff",                     /* never */
        "a\xc3",                    /* cut off */
        "\xe2\x82",                 /* cut off */
        "\xe2\x28\xa1",             /* no continuation */
        "\xed\xa0\xbd\xed\xb8\x80", /* a pair as two surrogates */
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        OWNED(byte_buffer) struct byte_buffer out = {0};

        if (utf16_from_utf8(&out, (const uint8_t *)wrong[i], strlen(wrong[i]), false))
            fail_msg("text %zu was taken", i);
    }
}

static void nul_stays(void **state)
{
    uint8_t out[6];

    (void)state;
    assert_int_equal(utf16_to_utf8(out, (const uint8_t *)"a\0\0\0b\0", 6, false), 3);
    assert_memory_equal(out, "a\0b", 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(little_endian),
        cmocka_unit_test(big_endian),
        cmocka_unit_test(and_back),
        cmocka_unit_test(other_texts_have_no_utf16),
        cmocka_unit_test(nul_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
