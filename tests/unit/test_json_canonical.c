#include "base/owned.h"
#include "replay/values/json_canonical.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static bool append(struct byte_buffer *out, const char *text)
{
    return json_canonical_append(out, (const uint8_t *)text, strlen(text));
}

static bool mean_the_same(const char *a, const char *b)
{
    OWNED(byte_buffer) struct byte_buffer x = {0};
    OWNED(byte_buffer) struct byte_buffer y = {0};

    assert_true(append(&x, a));
    assert_true(append(&y, b));
    return x.size == y.size && memcmp(x.data, y.data, x.size) == 0;
}

/* What jsonb makes of a text reads back as something of the same meaning. */
static void same_meaning_same_form(void **state)
{
    static const char *const pairs[][2] = {
        {" { \"b\" : 1 , \"a\" : [ 1 , 2 ] } ", "{\"a\": [1, 2], \"b\": 1}"},
        {"{\"a\":1,\"a\":2}", "{\"a\":2}"},
        {"{\"a\":1,\"b\":0,\"a\":{\"x\":1}}", "{\"b\":0,\"a\":{\"x\":1}}"},
        {"\"\\u00fc\\n\\/\"", "\"ü\\n/\""},
        {"\"\\ud83d\\ude00\"", "\"😀\""},
        {"1e2", "100"},
        {"1.50", "1.5"},
        {"-0", "0"},
        {"[]", " [ ] "},
        {"{}", "{ }"},
        {"{\"\":null}", "{ \"\" : null }"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        assert_true(mean_the_same(pairs[i][0], pairs[i][1]));
}

static void other_meaning_other_form(void **state)
{
    static const char *const pairs[][2] = {
        {"1", "\"1\""},
        {"[1,2]", "[2,1]"},
        {"[1,2]", "[12]"},
        {"{\"a\":1}", "{\"a\":1,\"b\":1}"},
        {"\"a\"", "\"a \""},
        {"true", "\"true\""},
        {"[\"a\",\"b\"]", "[\"a\\\",\\\"b\"]"},
        {"null", "[]"},
        {"{}", "[]"},
        {"1.5", "15"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        assert_false(mean_the_same(pairs[i][0], pairs[i][1]));
}

static void what_is_no_json_is_refused(void **state)
{
    static const char *const texts[] = {"", " ", "{", "}", "[1,]", "[1 2]", "{\"a\"}", "{a:1}",
        "{\"a\":1,}", "01", "1.", ".5", "-", "+1", "1e", "tru", "nul", "\"", "\"\\x\"", "\"\\u12\"",
        "\"\t\"", "1 2", "'a'", "NaN", "[\"\xff\"]", "\"\\"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        OWNED(byte_buffer) struct byte_buffer out = {0};

        assert_false(append(&out, texts[i]));
        assert_false(json_canonical_is_json((const uint8_t *)texts[i], strlen(texts[i])));
    }
}

/* The type json keeps the text; jsonb must be able to store the characters. */
static void jsonb_holds_less_than_json(void **state)
{
    static const char *const texts[] = {"\"\\u0000\"", "\"\\ud83d\"", "\"\\ud83dx\"", "\"\\ude00\"",
        "1e200000", "1.5e-16383", "0e-16384", "-0.00e-16382", "10e-16384", "[1e-20000]",
        "0e1073741823", "0e-9999999999999"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        OWNED(byte_buffer) struct byte_buffer out = {0};

        assert_false(append(&out, texts[i]));
        assert_true(json_canonical_is_json((const uint8_t *)texts[i], strlen(texts[i])));
    }
}

/* As PostgreSQL 15 takes them. */
static void jsonb_holds_large_numbers(void **state)
{
    static const char *const texts[] = {
        "0e-16383", "0.00e-16381", "1e-16383", "10e-16383", "1e131071", "0e200000", "0e1073741822"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        OWNED(byte_buffer) struct byte_buffer out = {0};

        assert_true(append(&out, texts[i]));
    }
}

static void depth_is_bounded(void **state)
{
    OWNED(byte_buffer) struct byte_buffer text = {0};
    OWNED(byte_buffer) struct byte_buffer out = {0};

    (void)state;
    for (int i = 0; i < 1000000; i++)
        byte_buffer_put_u8(&text, '[');
    assert_false(json_canonical_append(&out, text.data, text.size));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_meaning_same_form),
        cmocka_unit_test(other_meaning_other_form),
        cmocka_unit_test(what_is_no_json_is_refused),
        cmocka_unit_test(jsonb_holds_less_than_json),
        cmocka_unit_test(jsonb_holds_large_numbers),
        cmocka_unit_test(depth_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
