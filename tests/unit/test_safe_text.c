#include "base/owned.h"
#include "base/safe_text.h"
#include "tests/unit/unit.h"

static const struct {
    const char *bytes;
    const char *shown;
    const char *quoted;
} cases[] = {
    {"events", "events", "\"events\""},
    {"", "", "\"\""},
    {"a\"b", "a\"b", "\"a\"\"b\""},
    {"\xc3\xa9t\xc3\xa9", "\xc3\xa9t\xc3\xa9", "\"\xc3\xa9t\xc3\xa9\""},
    {"\xe8\xa1\xa8", "\xe8\xa1\xa8", "\"\xe8\xa1\xa8\""},
    {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\""},
    /* What a terminal would obey. */
    {"\x1b[31mred", "\\x1b[31mred", "\"\\x1b[31mred\""},
    {"a\nb\rc\td\x7f", "a\\x0ab\\x0dc\\x09d\\x7f", "\"a\\x0ab\\x0dc\\x09d\\x7f\""},
    {"\xc2\x9b"
     "1m",
        "\\u{9b}1m", "\"\\u{9b}1m\""},
    /* What turns text around. */
    {"\xe2\x80\xae"
     "gpj.exe",
        "\\u{202e}gpj.exe", "\"\\u{202e}gpj.exe\""},
    /* What is not UTF-8: a stray byte, overlong, a surrogate, too large, cut off. */
    {"\xff", "\\xff", "\"\\xff\""},
    {"\xc0\xaf", "\\xc0\\xaf", "\"\\xc0\\xaf\""},
    {"\xe0\x80\xaf", "\\xe0\\x80\\xaf", "\"\\xe0\\x80\\xaf\""},
    {"\xed\xa0\x80", "\\xed\\xa0\\x80", "\"\\xed\\xa0\\x80\""},
    {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", "\"\\xf4\\x90\\x80\\x80\""},
    {"\xe8\xa1", "\\xe8\\xa1", "\"\\xe8\\xa1\""},
};

static void shows_without_harm(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        OWNED(byte_buffer) struct byte_buffer out = {0};

        safe_text_put(&out, cases[i].bytes, strlen(cases[i].bytes));
        byte_buffer_put_u8(&out, 0);
        assert_string_equal((const char *)out.data, cases[i].shown);
        out.size = 0;
        safe_text_quote(&out, cases[i].bytes, strlen(cases[i].bytes));
        byte_buffer_put_u8(&out, 0);
        assert_string_equal((const char *)out.data, cases[i].quoted);
    }
}

static void nul_is_shown(void **state)
{
    OWNED(byte_buffer) struct byte_buffer out = {0};

    (void)state;
    safe_text_put(&out, "a\0b", 3);
    assert_int_equal(out.size, 6);
    assert_memory_equal(out.data, "a\\x00b", 6);
}

static void width_is_what_a_terminal_shows(void **state)
{
    (void)state;
    assert_int_equal(safe_text_width("events", 6), 6);
    assert_int_equal(safe_text_width("\xc3\xa9t\xc3\xa9", 5), 3);
    assert_int_equal(safe_text_width("\xe8\xa1\xa8", 3), 2);
    assert_int_equal(safe_text_width("e\xcc\x81", 3), 1);
    assert_int_equal(safe_text_width("", 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_without_harm),
        cmocka_unit_test(nul_is_shown),
        cmocka_unit_test(width_is_what_a_terminal_shows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
