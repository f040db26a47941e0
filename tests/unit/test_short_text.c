#include "watch/short_text.h"

#include "base/owned.h"
#include "base/safe_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void check(const char *text, size_t width, bool is_utf8, const char *expected)
{
    OWNED(byte_buffer) struct byte_buffer whole = {0};
    OWNED(byte_buffer) struct byte_buffer out = {0};

    byte_buffer_put(&whole, text, strlen(text));
    short_text_middle(&out, &whole, width, is_utf8);
    byte_buffer_put_u8(&out, '\0');
    assert_string_equal((const char *)out.data, expected);
}

static void the_middle_goes(void **state)
{
    (void)state;
    check("events", 6, true, "events");
    check("events", 7, true, "events");
    check("events", 5, true, "ev…ts");
    check("events", 4, true, "ev…s");
    check("events", 4, false, "ev~s");
    check("events", 1, true, "…");
    check("events", 0, true, "");
    check("", 0, true, "");
    check("", 3, true, "");
    check("sliding_sync_connection_lazy_members", 20, true, "sliding_sy…y_members");
}

/* Two columns each: what is half outside is left out. */
static void wide_characters_stay_whole(void **state)
{
    (void)state;
    check("漢字漢字", 8, true, "漢字漢字");
    check("漢字漢字", 7, true, "漢…字");
    check("漢字漢字", 5, true, "漢…字");
    check("漢字漢字", 4, true, "漢…");
    check("漢字漢字", 2, true, "…");
    check("äöüß", 3, true, "ä…ß");
}

/* A name of a hostile dump; nobody waits for it. */
static void a_long_name(void **state)
{
    OWNED(byte_buffer) struct byte_buffer name = {0};
    OWNED(byte_buffer) struct byte_buffer out = {0};

    (void)state;
    for (int i = 0; i < 1000000; i++)
        byte_buffer_put_u8(&name, (uint8_t)('a' + i % 26));
    short_text_middle(&out, &name, 40, true);
    assert_int_equal(short_text_width(&out), 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_middle_goes),
        cmocka_unit_test(wide_characters_stay_whole),
        cmocka_unit_test(a_long_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
