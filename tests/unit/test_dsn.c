#include "base/owned.h"
#include "postgres/dsn.h"
#include "postgres/quote.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *const hosts[] = {"", "/var/run/postgresql", "a b", "it's \\ here", "x' user='y"};

static bool is_expected(void *context, const char *keyword, const char *value, struct error *err)
{
    const char *host = context;

    (void)err;
    if (strcmp(keyword, "host") == 0)
        assert_string_equal(value, host);
    if (strcmp(keyword, "dbname") == 0)
        assert_string_equal(value, "d");
    if (strcmp(keyword, "user") == 0)
        fail_msg("the host \"%s\" became a user", host);
    return true;
}

/* libpq reads what was put. */
static void values_survive(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        OWNED(byte_buffer) struct byte_buffer dsn = {0};
        char host[32];
        struct error err;

        strcpy(host, hosts[i]);
        dsn_put(&dsn, "host", host);
        dsn_put(&dsn, "dbname", "d");
        assert_true(dsn_visit(quote_text(&dsn), is_expected, host, &err));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(values_survive)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
