/*
 * What TABLE_END says of TEXT does not depend on where in a text something stands, although most
 * of a text is looked at many bytes at a time.
 */
#include "format/table_end.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define TEXT_SIZE_MAX 80

static struct column_facts facts_of(const void *bytes, size_t size)
{
    struct column_facts facts = {0};
    struct value value = {.class = VALUE_TEXT, .bytes = bytes, .size = (uint32_t)size};

    table_end_observe(&facts, &value);
    return facts;
}

static void assert_text(const char *bytes, size_t size, uint64_t length, bool is_valid)
{
    struct column_facts facts = facts_of(bytes, size);

    assert_int_equal(facts.text_size_max, size);
    assert_int_equal(facts.text_length_max, length);
    assert_int_equal(facts.invalid_utf8_count, !is_valid);
}

/* One special byte or sequence at every place of texts of every size. */
static void special_at_every_place(void **state)
{
    uint8_t text[TEXT_SIZE_MAX];

    (void)state;
    for (size_t size = 0; size <= TEXT_SIZE_MAX; size++) {
        memset(text, 'x', sizeof(text));
        assert_text((const char *)text, size, size, true);
        assert_int_equal(facts_of(text, size).nul_count, 0);
        for (size_t at = 0; at < size; at++) {
            text[at] = 0;
            assert_int_equal(facts_of(text, size).nul_count, 1);
            assert_text((const char *)text, size, size, true);
            text[at] = 0x80;
            assert_int_equal(facts_of(text, size).nul_count, 0);
            assert_text((const char *)text, size, size - 1, false);
            text[at] = 'x';
            if (at + 1 < size) {
                memcpy(text + at, "\xc3\xa9", 2);
                assert_text((const char *)text, size, size - 1, true);
                memset(text + at, 'x', 2);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(special_at_every_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
