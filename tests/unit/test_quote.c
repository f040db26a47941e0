#include "base/owned.h"
#include "postgres/quote.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void marks_are_doubled(void **state)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    (void)state;
    quote_plain(&sql, "SELECT ");
    quote_literal(&sql, "it's \\ \"x\"");
    quote_plain(&sql, ", ");
    quote_literal(&sql, NULL);
    quote_plain(&sql, " FROM ");
    quote_qualified(&sql, "My \"own\"", "");
    assert_string_equal(
        quote_text(&sql), "SELECT 'it''s \\ \"x\"', NULL FROM \"My \"\"own\"\"\".\"\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(marks_are_doubled)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
