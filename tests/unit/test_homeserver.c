#include "base/owned.h"
#include "postgres/homeserver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Reads a file with this text; its name does not matter to the caller. */
static bool read_text(struct homeserver *homeserver, const char *text, struct error *err)
{
    char path[] = "/tmp/valise-test.XXXXXX";
    int fd = mkstemp(path);
    bool done;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    done = homeserver_read(homeserver, path, err);
    unlink(path);
    return done;
}

static const char *value_of(const struct homeserver *homeserver, const char *keyword)
{
    for (size_t i = 0; homeserver->target.keywords[i] != NULL; i++) {
        if (strcmp(homeserver->target.keywords[i], keyword) == 0)
            return homeserver->target.values[i];
    }
    return NULL;
}

static void the_documented_section_is_read(void **state)
{
    OWNED(homeserver) struct homeserver homeserver = {0};
    struct error err;

    (void)state;
    if (!read_text(&homeserver,
            "server_name: \"example.org\"\n"
            "database:\n"
            "  name: psycopg2\n"
            "  txn_limit: 10000\n"
            "  allow_unsafe_locale: true\n"
            "  statement_timeout: 60000\n"
            "  args:\n"
            "    user: synapse_user\n"
            "    password: \"0123 @'\\\"\"\n"
            "    database: synapse\n"
            "    host: localhost\n"
            "    port: 5432\n"
            "    cp_min: 5\n"
            "    cp_max: 10\n"
            "    sslmode: verify-full\n"
            "    sslrootcert: /etc/ssl/ca.pem\n"
            "    passfile: ~\n"
            "    keepalives_idle: 10\n"
            "    keepalives_interval: 10\n"
            "    keepalives_count: 3\n",
            &err))
        fail_msg("%s", err.text);
    assert_string_equal(homeserver.server_name, "example.org");
    assert_true(homeserver.allows_unsafe_locale);
    assert_int_equal(homeserver.connection_count_max, 10);
    assert_string_equal(value_of(&homeserver, "dbname"), "synapse");
    assert_string_equal(value_of(&homeserver, "password"), "0123 @'\"");
    assert_string_equal(value_of(&homeserver, "port"), "5432");
    assert_string_equal(value_of(&homeserver, "keepalives_count"), "3");
    assert_null(value_of(&homeserver, "cp_max"));
    assert_null(value_of(&homeserver, "passfile"));
}

static void the_shortest_section_is_read(void **state)
{
    OWNED(homeserver) struct homeserver homeserver = {0};
    struct error err;

    (void)state;
    assert_true(read_text(&homeserver, "database: {name: psycopg2}\n", &err));
    assert_null(homeserver.server_name);
    assert_null(homeserver.target.keywords[0]);
    assert_int_equal(homeserver.connection_count_max, 0);
}

static void other_files_are_refused(void **state)
{
    static const struct {
        const char *text;
        const char *expected;
    } cases[] = {
        {"", ": is empty"},
        {"- a\n- b\n", ":1:1: this is no homeserver.yaml"},
        {"server_name: x\n", ":1:1: there is no \"database\" section"},
        {"database:\n", "there is no \"database\" section"},
        {"database_path: /x.db\n", ":1:16: \"database_path\" means SQLite"},
        {"database:\n  name: sqlite3\n  args: {database: /x.db}\n",
            ":2:9: this configuration uses SQLite"},
        {"database:\n  args: {user: x}\n", ":2:3: \"database\" has no \"name\""},
        {"database:\n  name: mysql\n", ":2:9: the engine is \"mysql\", expected \"psycopg2\""},
        {"databases:\n  main: {name: psycopg2}\n",
            ":2:3: \"databases\" splits the homeserver over several databases"},
        {"database: [psycopg2]\n", ":1:11: \"database\" is a list, expected a mapping"},
        {"database:\n  name: psycopg2\n  args:\n    usr: sesame\n",
            ":4:5: \"usr\" is no connection parameter that libpq knows"},
        {"database:\n  name: psycopg2\n  args:\n    dsn: host=x password=sesame\n",
            "write its parts as user, password, dbname, host, port"},
        {"database:\n  name: psycopg2\n  args: {database: a, dbname: b}\n",
            ":3:23: \"database\" and \"dbname\" are the same"},
        {"database:\n  name: psycopg2\n  args: {host: [a, b]}\n",
            ":3:16: \"host\" is a list or a mapping"},
        {"database:\n  name: psycopg2\n  args: {password: 0123}\n",
            ":3:20: \"password\" has no quotes"},
        {"database:\n  name: psycopg2\n  args: {password: Yes}\n", "\"password\" has no quotes"},
        {"database:\n  name: psycopg2\n  args: {password: 1_000}\n", "\"password\" has no quotes"},
        {"database:\n  name: psycopg2\n  args: {cp_max: many}\n",
            ":3:18: \"cp_max\" is \"many\", expected a whole number"},
        {"database:\n  name: psycopg2\n  args: {cp_max: -1}\n", "expected 1 to 1000"},
        {"database:\n  name: psycopg2\n  args:\n    password: \"sesame\n", "is not YAML"},
        {"database:\n  name: psycopg2\n  allow_unsafe_locale: maybe\n", "expected true or false"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        OWNED(homeserver) struct homeserver homeserver = {0};
        struct error err;

        assert_false(read_text(&homeserver, cases[i].text, &err));
        assert_int_equal(err.kind, ERROR_USAGE);
        if (strstr(err.text, cases[i].expected) == NULL)
            fail_msg("\"%s\": \"%s\" lacks \"%s\"", cases[i].text, err.text, cases[i].expected);
        assert_null(strstr(err.text, "sesame"));
    }
}

static void ordinary_numbers_are_passwords(void **state)
{
    OWNED(homeserver) struct homeserver homeserver = {0};
    struct error err;

    (void)state;
    assert_true(
        read_text(&homeserver, "database: {name: psycopg2, args: {password: 12345}}\n", &err));
    assert_string_equal(value_of(&homeserver, "password"), "12345");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_documented_section_is_read),
        cmocka_unit_test(the_shortest_section_is_read),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(ordinary_numbers_are_passwords),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
