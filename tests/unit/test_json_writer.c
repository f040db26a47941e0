#include "base/json_writer.h"
#include "base/owned.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void a_document_is_indented(void **state)
{
    OWNED(byte_buffer) struct byte_buffer out = {0};
    struct json_writer w = {.out = &out};

    (void)state;
    json_writer_begin_object(&w);
    json_writer_named_text(&w, "name", "x");
    json_writer_name(&w, "list");
    json_writer_begin_array(&w);
    json_writer_integer(&w, INT64_MIN);
    json_writer_unsigned(&w, UINT64_MAX);
    json_writer_begin_object(&w);
    json_writer_end_object(&w);
    json_writer_end_array(&w);
    json_writer_name(&w, "empty");
    json_writer_begin_array(&w);
    json_writer_end_array(&w);
    json_writer_named_boolean(&w, "yes", true);
    json_writer_named_text(&w, "nothing", NULL);
    json_writer_name(&w, "numbers");
    json_writer_begin_array(&w);
    json_writer_number(&w, 0.1);
    json_writer_number(&w, 1.0 / 3);
    json_writer_number(&w, NAN);
    json_writer_end_array(&w);
    json_writer_end_object(&w);
    json_writer_finish(&w);
    byte_buffer_put_u8(&out, 0);
    assert_string_equal((const char *)out.data, "{\n"
                                                "  \"name\": \"x\",\n"
                                                "  \"list\": [\n"
                                                "    -9223372036854775808,\n"
                                                "    18446744073709551615,\n"
                                                "    {}\n"
                                                "  ],\n"
                                                "  \"empty\": [],\n"
                                                "  \"yes\": true,\n"
                                                "  \"nothing\": null,\n"
                                                "  \"numbers\": [\n"
                                                "    0.1,\n"
                                                "    0.33333333333333331,\n"
                                                "    null\n"
                                                "  ]\n"
                                                "}\n");
}

static void texts_are_escaped(void **state)
{
    static const char raw[] =
        "q\" b\\ n\n t\t nul\0 esc\x1b del\x7f ok\xc3\xa9 bad\xff\xc3 sur\xed\xa0\x80";
    OWNED(byte_buffer) struct byte_buffer out = {0};
    struct json_writer w = {.out = &out};

    (void)state;
    json_writer_bytes(&w, raw, sizeof(raw) - 1);
    byte_buffer_put_u8(&out, 0);
    assert_string_equal((const char *)out.data,
        "\"q\\\" b\\\\ n\\n t\\t nul\\u0000 esc\\u001b del\\u007f ok\xc3\xa9 "
        "bad\xef\xbf\xbd\xef\xbf\xbd sur\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_is_indented),
        cmocka_unit_test(texts_are_escaped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
