#include "base/owned.h"
#include "base/yaml_quote.h"
#include "base/yaml_section.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct byte_buffer bytes_of(const char *text)
{
    struct byte_buffer bytes = {0};

    byte_buffer_put(&bytes, text, strlen(text));
    return bytes;
}

/* The section of key "k" in text is exactly this. */
static void assert_section(const char *text, const char *expected, size_t comment_count)
{
    OWNED(byte_buffer) struct byte_buffer bytes = bytes_of(text);
    struct yaml_section section;
    struct error err;

    if (!yaml_section_find(&section, "test.yaml", &bytes, "k", &err))
        fail_msg("%s", err.text);
    assert_true(section.is_found);
    assert_int_equal(section.size, strlen(expected));
    assert_memory_equal(bytes.data + section.offset, expected, section.size);
    assert_int_equal(section.comment_count, comment_count);
}

static void a_section_ends_with_its_last_line(void **state)
{
    (void)state;
    assert_section("k: v", "k: v", 0);
    assert_section("a: 1\nk: v\nb: 2\n", "k: v", 0);
    assert_section("k:\nb: 2\n", "k:", 0);
    assert_section("k:   # why\nb: 2\n", "k:   # why", 1);
    assert_section("k:\n- a\n- b # c\n# d\nb: 2\n", "k:\n- a\n- b # c", 1);
    assert_section("k:\n  # in\n  a: [1,\n    2] # at\n  # after\n\nb: 2\n",
        "k:\n  # in\n  a: [1,\n    2] # at", 2);
    assert_section("k: {a: 1,\r\n  b: 2}\r\nb: 2\r\n", "k: {a: 1,\r\n  b: 2}", 0);
}

static void characters_are_not_bytes(void **state)
{
    (void)state;
    assert_section("\xEF\xBB\xBF# \xC3\xA9\nk: v # \xE6\xBC\xA2\nb: 2", "k: v # \xE6\xBC\xA2", 1);
    assert_section("\xC3\xA9: \xF0\x9F\x98\x80\nk: '\xC3\xA9'\nb: 2", "k: '\xC3\xA9'", 0);
    assert_section("a: {k: 1}\n'k': 2\n", "'k': 2", 0);
}

static void line_breaks_and_indent_are_those_of_the_file(void **state)
{
    OWNED(byte_buffer) struct byte_buffer bytes = bytes_of("  a: 1\r\n  k: 2");
    struct yaml_section section;
    struct error err;

    (void)state;
    assert_true(yaml_section_find(&section, "test.yaml", &bytes, "k", &err));
    assert_string_equal(section.line_break, "\r\n");
    assert_int_equal(section.indent, 2);
    assert_int_equal(section.line, 2);
    assert_true(yaml_section_find(&section, "test.yaml", &bytes, "x", &err));
    assert_false(section.is_found);
}

static void what_cannot_be_cut_out_is_refused(void **state)
{
    static const char *const texts[] = {"a: &x 1\nk: *x\n", "k: &x 1\n", "k: !!str 1\n",
        "&x k: 1\n", "k: |\n  a\n", "{k: 1}", "? k\n: 1\n", "\xFF\xFEk\0:\0"};
    struct yaml_section section;
    struct error err;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        OWNED(byte_buffer) struct byte_buffer bytes = bytes_of(texts[i]);

        assert_false(yaml_section_find(&section, "test.yaml", &bytes, "k", &err));
        assert_int_equal(err.kind, ERROR_USAGE);
    }
}

static void a_quoted_text_is_one_line(void **state)
{
    OWNED(byte_buffer) struct byte_buffer out = {0};

    (void)state;
    yaml_quote_put(&out, "a\"b\\c\n\x7F\xC2\x85\xE2\x80\xA8\xEF\xBB\xBF\xC3\xA9");
    byte_buffer_put_u8(&out, 0);
    assert_string_equal(
        (const char *)out.data, "\"a\\\"b\\\\c\\x0A\\x7F\\x85\\u2028\\uFEFF\xC3\xA9\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_section_ends_with_its_last_line),
        cmocka_unit_test(characters_are_not_bytes),
        cmocka_unit_test(line_breaks_and_indent_are_those_of_the_file),
        cmocka_unit_test(what_cannot_be_cut_out_is_refused),
        cmocka_unit_test(a_quoted_text_is_one_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
