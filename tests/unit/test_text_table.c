#include "base/owned.h"
#include "tests/unit/unit.h"
#include "tools/text_table.h"
#include "watch/amount_text.h"

static void aligns_columns(void **state)
{
    static const char *const headings[] = {"name", ">rows", NULL};
    OWNED(text_table) struct text_table table = {.headings = headings};
    OWNED(byte_buffer) struct byte_buffer out = {0};

    (void)state;
    text_table_name(&table, "room", 4);
    text_table_cell(&table, "%d", 5);
    text_table_name(&table, "\xc3\xa9t\xc3\xa9", 5);
    text_table_cell(&table, "%d", 12345);
    text_table_put(&out, &table, "  ");
    byte_buffer_put_u8(&out, 0);
    assert_string_equal((const char *)out.data, "  name   rows\n"
                                                "  room      5\n"
                                                "  \xc3\xa9t\xc3\xa9   12345\n");
}

/* What is in a dump must not reach the terminal as it is. */
static void names_are_made_safe(void **state)
{
    static const char *const headings[] = {"name", NULL};
    OWNED(text_table) struct text_table table = {.headings = headings};
    OWNED(byte_buffer) struct byte_buffer out = {0};

    (void)state;
    text_table_name(&table, "\x1b[2J", 4);
    text_table_name(&table, "", 0);
    text_table_name(&table, "two words", 9);
    text_table_put(&out, &table, "");
    byte_buffer_put_u8(&out, 0);
    assert_string_equal((const char *)out.data, "name\n\"\\x1b[2J\"\n\"\"\n\"two words\"\n");
}

static void sizes_have_units(void **state)
{
    static const struct {
        uint64_t size;
        const char *text;
    } cases[] = {
        {0, "0 B"},
        {999, "999 B"},
        {1000, "1.0 kB"},
        {999949, "999.9 kB"},
        {999950, "1.0 MB"},
        {1500000000, "1.5 GB"},
        {UINT64_MAX, "18.4 EB"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[AMOUNT_TEXT_ROOM];

        assert_string_equal(amount_text_size(text, cases[i].size), cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aligns_columns),
        cmocka_unit_test(names_are_made_safe),
        cmocka_unit_test(sizes_have_units),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
