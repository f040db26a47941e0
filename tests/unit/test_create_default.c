#include "tools/create_default.h"

#include "base/owned.h"
#include "unit.h"

/* What a default becomes in a column of that kind; NULL: it is not translated. */
struct example {
    enum create_kind kind;
    const char *sqlite;
    const char *postgres;
};

static const struct example examples[] = {
    {CREATE_BIGINT, "5", " DEFAULT '5'"},
    {CREATE_BIGINT, "(( -5 ))", " DEFAULT '-5'"},
    {CREATE_BIGINT, "'7'", " DEFAULT '7'"},
    {CREATE_BIGINT, "TRUE", " DEFAULT '1'"},
    {CREATE_BIGINT, "1.5", NULL},
    {CREATE_BIGINT, "99999999999999999999", NULL},
    {CREATE_BIGINT, "'x'", NULL},
    {CREATE_BIGINT, "1+1", NULL},
    {CREATE_BIGINT, "0x10", NULL},
    {CREATE_BIGINT, "unixepoch()", " DEFAULT floor(extract(epoch FROM now()))::bigint"},
    {CREATE_BIGINT, "CURRENT_TIMESTAMP", NULL},
    {CREATE_BIGINT, "NULL", ""},
    {CREATE_BIGINT, "", NULL},
    {CREATE_BOOLEAN, "1", " DEFAULT true"},
    {CREATE_BOOLEAN, "false", " DEFAULT false"},
    {CREATE_BOOLEAN, "2", NULL},
    {CREATE_BOOLEAN, "'0'", " DEFAULT false"},
    {CREATE_BOOLEAN, "('1')", " DEFAULT true"},
    {CREATE_BOOLEAN, "'2'", NULL},
    {CREATE_BOOLEAN, "x'31'", NULL},
    {CREATE_DOUBLE, "-1.5e-3", " DEFAULT '-1.5e-3'"},
    {CREATE_DOUBLE, ".5", " DEFAULT '.5'"},
    {CREATE_DOUBLE, "1e", NULL},
    {CREATE_DOUBLE, "9e999", " DEFAULT 'Infinity'"},
    {CREATE_DOUBLE, "'-1e400'", " DEFAULT '-Infinity'"},
    {CREATE_DOUBLE, "1e-999", " DEFAULT '0'"},
    {CREATE_DOUBLE, "5e-324", " DEFAULT '5e-324'"},
    {CREATE_NUMERIC, "1e999", NULL},
    {CREATE_NUMERIC, "1e-99999", " DEFAULT '0'"},
    {CREATE_NUMERIC, "1e300", " DEFAULT '1e300'"},
    {CREATE_DOUBLE, ".", NULL},
    {CREATE_NUMERIC, "+3", " DEFAULT '+3'"},
    {CREATE_TEXT, "'it''s'", " DEFAULT 'it''s'"},
    {CREATE_TEXT, "\"say \"\"hi\"\"\"", " DEFAULT 'say \"hi\"'"},
    {CREATE_TEXT, "'a' || 'b'", NULL},
    {CREATE_TEXT, "'it's'", NULL},
    {CREATE_TEXT, "'", NULL},
    {CREATE_TEXT, "''", " DEFAULT ''"},
    {CREATE_TEXT, "12", " DEFAULT '12'"},
    {CREATE_TEXT, "1.50", NULL},
    {CREATE_TEXT, "'\xff'", NULL},
    {CREATE_TEXT, "date( 'NOW' )", " DEFAULT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD')"},
    {CREATE_TEXT, "'x'); DROP TABLE t; --'", NULL},
    {CREATE_TEXT, "random()", NULL},
    {CREATE_BYTEA, "x'00fF'", " DEFAULT '\\x00fF'"},
    {CREATE_BYTEA, "x'0'", NULL},
    {CREATE_BYTEA, "x'0g'", NULL},
    {CREATE_BYTEA, "'a'", " DEFAULT '\\x61'"},
    {CREATE_BYTEA, "5", NULL},
    {CREATE_NAMED, "current_timestamp", " DEFAULT CURRENT_TIMESTAMP"},
    {CREATE_NAMED, "'[]'", " DEFAULT '[]'"},
};

static void test_examples(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        OWNED(byte_buffer) struct byte_buffer out = {0};
        struct create_type type = {.kind = examples[i].kind};
        struct schema_text sql = {examples[i].sqlite, strlen(examples[i].sqlite)};
        bool is_translated = create_default_put(&out, &type, &sql);

        byte_buffer_put_u8(&out, '\0');
        if (is_translated != (examples[i].postgres != NULL)
            || (is_translated && strcmp((const char *)out.data, examples[i].postgres) != 0))
            fail_msg("%s became%s", examples[i].sqlite,
                is_translated ? (const char *)out.data : " nothing");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
