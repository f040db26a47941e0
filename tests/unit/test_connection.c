#include "base/owned.h"
#include "base/stop.h"
#include "postgres/connection.h"
#include "postgres/connection_copy.h"
#include "postgres/connection_transaction.h"
#include "postgres/quote.h"
#include "tests/unit/server.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static void assert_contains(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("\"%s\" lacks \"%s\"", text, part);
}

static int64_t count_of(struct connection *connection, const char *sql)
{
    OWNED(connection_rows) struct connection_rows rows = {0};
    struct error err;

    if (!connection_query(connection, sql, NULL, &rows, &err))
        fail_msg("%s: %s", sql, err.text);
    return connection_rows_integer(&rows, 0, 0);
}

static void values_come_back(void **state)
{
    static const char *const items[] = {"it's \"Zoë\" \\n", NULL, "42"};
    const struct connection_values values = {items, 3};
    OWNED(connection) struct connection connection = {0};
    OWNED(connection_rows) struct connection_rows rows = {0};
    struct error err;

    (void)state;
    server_open(&connection, "postgres");
    assert_true(connection_query(&connection,
        "SELECT $1::text, $2::text, $3::int, $3::int = 42, current_setting('application_name'),"
        " current_setting('client_encoding')",
        &values, &rows, &err));
    assert_int_equal(rows.row_count, 1);
    assert_int_equal(rows.column_count, 6);
    assert_string_equal(connection_rows_text(&rows, 0, 0), items[0]);
    assert_null(connection_rows_text(&rows, 0, 1));
    assert_int_equal(connection_rows_integer(&rows, 0, 1), 0);
    assert_int_equal(connection_rows_integer(&rows, 0, 2), 42);
    assert_true(connection_rows_boolean(&rows, 0, 3));
    assert_string_equal(connection_rows_text(&rows, 0, 4), "valise-replay");
    assert_string_equal(connection_rows_text(&rows, 0, 5), "UTF8");
    assert_true(connection_backend_pid(&connection) > 0);
}

static void errors_carry_what_the_server_says(void **state)
{
    OWNED(connection) struct connection connection = {0};
    struct error err;
    uint64_t row_count = 0;

    (void)state;
    server_open(&connection, "postgres");
    server_exec(&connection, "CREATE TEMP TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1)");
    assert_false(connection_exec(&connection, "INSERT INTO t VALUES (1)", &err));
    assert_int_equal(err.kind, ERROR_DATABASE);
    assert_string_equal(connection.sqlstate, "23505");
    assert_contains(err.text, "PostgreSQL says (23505): duplicate key value violates");
    assert_contains(err.text, "Key (a)=(1) already exists.");
    assert_null(strchr(err.text, '\n'));
    assert_false(connection_exec(&connection, "SELECT strpo('a', 'b')", &err));
    assert_contains(err.text, "You might need to add explicit type casts.");
    assert_false(connection_exec(&connection, "COPY t FROM STDIN", &err));
    assert_int_equal(err.kind, ERROR_USAGE);
    assert_false(connection_exec(&connection, "COPY t TO STDOUT; SELECT 1", &err));
    assert_int_equal(err.kind, ERROR_USAGE);
    assert_true(connection_exec_count(
        &connection, "INSERT INTO t SELECT generate_series(2, 8)", &row_count, &err));
    assert_int_equal(row_count, 7);
    server_exec(&connection, "DO $$BEGIN RAISE NOTICE 'no'; RAISE WARNING 'mind this'; END$$");
    byte_buffer_put_u8(connection.warnings, 0);
    assert_string_equal((const char *)connection.warnings->data, "mind this\n");
}

static void release_rolls_back(void **state)
{
    OWNED(connection) struct connection connection = {0};
    struct error err;

    (void)state;
    server_open(&connection, "postgres");
    server_exec(&connection, "CREATE TEMP TABLE t (a int)");
    {
        OWNED(connection_transaction) struct connection_transaction transaction = {0};

        assert_true(connection_transaction_begin(
            &transaction, &connection, "ISOLATION LEVEL REPEATABLE READ", &err));
        server_exec(&connection, "INSERT INTO t VALUES (1)");
    }
    assert_int_equal(count_of(&connection, "SELECT count(*) FROM t"), 0);
    {
        OWNED(connection_transaction) struct connection_transaction transaction = {0};

        assert_true(connection_transaction_begin(&transaction, &connection, NULL, &err));
        server_exec(&connection, "INSERT INTO t VALUES (1)");
        assert_true(connection_transaction_commit(&transaction, &err));
    }
    assert_int_equal(count_of(&connection, "SELECT count(*) FROM t"), 1);
    {
        OWNED(connection_transaction) struct connection_transaction transaction = {0};

        assert_true(connection_transaction_begin(&transaction, &connection, NULL, &err));
        assert_false(connection_exec(&connection, "SELECT 1/0", &err));
        assert_false(connection_transaction_commit(&transaction, &err));
        assert_contains(err.text, "rolled the transaction back");
    }
}

static void copy_in_arrives_whole_or_not_at_all(void **state)
{
    OWNED(connection) struct connection connection = {0};
    OWNED(byte_buffer) struct byte_buffer bytes = {0};
    struct error err;
    uint64_t row_count = 0;

    (void)state;
    server_open(&connection, "postgres");
    server_exec(&connection, "CREATE TEMP TABLE t (a int, b text)");
    for (int i = 0; i < 300000; i++) {
        char line[64];
        int size = snprintf(line, sizeof(line), "%d\tthe row number %d\n", i, i);

        byte_buffer_put(&bytes, line, (size_t)size);
    }
    {
        OWNED(connection_copy_in) struct connection_copy_in copy = {0};

        assert_true(connection_copy_in_begin(&copy, &connection, "COPY t FROM STDIN", &err));
        assert_true(connection_copy_in_put(&copy, bytes.data, 7, &err));
        assert_true(connection_copy_in_put(&copy, bytes.data + 7, bytes.size - 7, &err));
        assert_true(connection_copy_in_commit(&copy, &row_count, &err));
        assert_int_equal(row_count, 300000);
    }
    {
        OWNED(connection_copy_in) struct connection_copy_in copy = {0};

        assert_true(connection_copy_in_begin(&copy, &connection, "COPY t FROM STDIN", &err));
        assert_true(connection_copy_in_put(&copy, bytes.data, bytes.size / 2, &err));
    }
    assert_int_equal(count_of(&connection, "SELECT count(*) FROM t"), 300000);
    {
        OWNED(connection_copy_in) struct connection_copy_in copy = {0};

        assert_true(connection_copy_in_begin(&copy, &connection, "COPY t FROM STDIN", &err));
        assert_true(connection_copy_in_put(&copy, "1\tx\nx\ty\n", 8, &err));
        assert_false(connection_copy_in_commit(&copy, &row_count, &err));
        assert_string_equal(connection.sqlstate, "22P02");
        assert_contains(err.text, "line 2, column a");
    }
    {
        OWNED(connection_copy_in) struct connection_copy_in copy = {0};

        assert_false(connection_copy_in_begin(&copy, &connection, "COPY x FROM STDIN", &err));
        assert_string_equal(connection.sqlstate, "42P01");
        assert_false(connection_copy_in_begin(&copy, &connection, "SELECT 1", &err));
        assert_int_equal(err.kind, ERROR_USAGE);
    }
    assert_int_equal(count_of(&connection, "SELECT count(*) FROM t"), 300000);
}

static void copy_out_yields_rows(void **state)
{
    OWNED(connection) struct connection connection = {0};
    const uint8_t *bytes;
    struct error err;
    size_t size;
    size_t total = 0;

    (void)state;
    server_open(&connection, "postgres");
    {
        OWNED(connection_copy_out) struct connection_copy_out copy = {0};

        assert_true(connection_copy_out_begin(
            &copy, &connection, "COPY (SELECT generate_series(1, 100000)) TO STDOUT", &err));
        do {
            assert_true(connection_copy_out_next(&copy, &bytes, &size, &err));
            total += size;
        } while (bytes != NULL);
        assert_int_equal(total, 588895);
        assert_true(connection_copy_out_next(&copy, &bytes, &size, &err));
        assert_null(bytes);
    }
    {
        OWNED(connection_copy_out) struct connection_copy_out copy = {0};

        assert_true(connection_copy_out_begin(
            &copy, &connection, "COPY (SELECT generate_series(1, 100000000)) TO STDOUT", &err));
        assert_true(connection_copy_out_next(&copy, &bytes, &size, &err));
    }
    {
        OWNED(connection_copy_out) struct connection_copy_out copy = {0};

        assert_true(connection_copy_out_begin(&copy, &connection,
            "COPY (SELECT 1/(3 - i) FROM generate_series(1, 9) AS i) TO STDOUT", &err));
        assert_true(connection_copy_out_next(&copy, &bytes, &size, &err));
        assert_true(connection_copy_out_next(&copy, &bytes, &size, &err));
        assert_false(connection_copy_out_next(&copy, &bytes, &size, &err));
        assert_string_equal(connection.sqlstate, "22012");
    }
    assert_int_equal(count_of(&connection, "SELECT 7"), 7);
}

/* --- stopping --------------------------------------------------------------- */

static void *stop_soon(void *argument)
{
    struct timespec delay = {.tv_nsec = 200000000};

    nanosleep(&delay, NULL);
    stop_request();
    return argument;
}

static void a_statement_is_cancelled(void **state)
{
    OWNED(connection) struct connection connection = {0};
    pthread_t thread;
    struct error err;
    time_t start;

    (void)state;
    assert_true(stop_install(&err));
    server_open(&connection, "postgres");
    server_exec(&connection, "CREATE TEMP TABLE t (a text)");
    start = time(NULL);
    assert_int_equal(pthread_create(&thread, NULL, stop_soon, NULL), 0);
    assert_false(connection_exec(&connection, "SELECT pg_sleep(30)", &err));
    pthread_join(thread, NULL);
    assert_int_equal(err.kind, ERROR_STOPPED);
    assert_true(time(NULL) - start < 10);
    assert_false(connection_exec(&connection, "SELECT 1", &err));
    assert_int_equal(err.kind, ERROR_STOPPED);
    connection.ignores_stop = true;
    assert_int_equal(count_of(&connection, "SELECT 7"), 7);
    connection.ignores_stop = false;
    stop_forget();
    assert_int_equal(count_of(&connection, "SELECT 8"), 8);
}

static void a_copy_is_abandoned(void **state)
{
    OWNED(connection) struct connection connection = {0};
    struct error err;

    (void)state;
    server_open(&connection, "postgres");
    server_exec(&connection, "CREATE TEMP TABLE t (a text)");
    {
        OWNED(connection_transaction) struct connection_transaction transaction = {0};
        OWNED(connection_copy_in) struct connection_copy_in copy = {0};

        assert_true(connection_transaction_begin(&transaction, &connection, NULL, &err));
        assert_true(connection_copy_in_begin(&copy, &connection, "COPY t FROM STDIN", &err));
        assert_true(connection_copy_in_put(&copy, "x\n", 2, &err));
        stop_request();
        assert_false(connection_copy_in_commit(&copy, NULL, &err));
        assert_int_equal(err.kind, ERROR_STOPPED);
    }
    stop_forget();
    assert_int_equal(count_of(&connection, "SELECT count(*) FROM t"), 0);
}

static void a_lost_session_is_named(void **state)
{
    OWNED(connection) struct connection connection = {0};
    OWNED(connection) struct connection killer = {0};
    OWNED(connection_transaction) struct connection_transaction transaction = {0};
    OWNED(connection_copy_in) struct connection_copy_in copy = {0};
    static uint8_t zeros[1 << 20];
    struct error err = {0};
    char sql[80];
    bool done = true;

    (void)state;
    server_open(&connection, "postgres");
    server_open(&killer, "postgres");
    server_exec(&connection, "CREATE TEMP TABLE t (a text)");
    assert_true(connection_transaction_begin(&transaction, &connection, NULL, &err));
    assert_true(connection_copy_in_begin(&copy, &connection, "COPY t FROM STDIN", &err));
    snprintf(
        sql, sizeof(sql), "SELECT pg_terminate_backend(%d)", connection_backend_pid(&connection));
    server_exec(&killer, sql);
    memset(zeros, 'x', sizeof(zeros));
    for (int i = 0; done && i < 100; i++)
        done = connection_copy_in_put(&copy, zeros, sizeof(zeros), &err);
    assert_false(done);
    assert_int_equal(err.kind, ERROR_DATABASE);
    assert_contains(err.text, "terminat");
    assert_true(connection_is_lost(&connection));
    assert_false(connection_exec(&connection, "SELECT 1", &err));
}

/* --- trouble ---------------------------------------------------------------- */

static void assert_refused(const char *dsn, enum error_kind kind, const char *words)
{
    OWNED(connection) struct connection connection = {0};
    const struct connection_target target = {.dsn = dsn};
    struct error err;

    if (connection_open(&connection, &target, &err))
        fail_msg("%s: opened", dsn);
    if (err.kind != kind)
        fail_msg("%s: kind %d: %s", dsn, (int)err.kind, err.text);
    assert_contains(err.text, words);
    assert_null(strstr(err.text, "sesame"));
    assert_null(strchr(err.text, '\n'));
    assert_null(strstr(err.text, "LOCATION"));
}

static void trouble_is_explained(void **state)
{
    OWNED(connection) struct connection admin = {0};
    char *environment_password = getenv("PGPASSWORD");
    char *password;
    const char *const tcp = getenv("VALISE_PGHOST_TCP");
    char dsn[256];

    (void)state;
    assert_non_null(environment_password);
    password = strdup(environment_password);
    server_open(&admin, "postgres");
    server_create_database("closed");
    server_exec(
        &admin, "CREATE ROLE nologin NOLOGIN; ALTER DATABASE closed ALLOW_CONNECTIONS false");
    snprintf(dsn, sizeof(dsn), "host=%s password=sesame", tcp);
    assert_refused(dsn, ERROR_DATABASE, "(28P01). the password is wrong");
    snprintf(dsn, sizeof(dsn), "postgresql://postgres:sesame@%s/postgres", tcp);
    assert_refused(dsn, ERROR_DATABASE, "(28P01). the password is wrong");
    assert_refused("user=nobody dbname=postgres", ERROR_DATABASE, "createuser --pwprompt");
    assert_refused("user=nologin dbname=postgres", ERROR_DATABASE, "ALTER ROLE \"nologin\" LOGIN");
    assert_refused("dbname=missing", ERROR_DATABASE, "createdb --encoding=UTF8 --locale=C");
    assert_refused("dbname=closed", ERROR_DATABASE, "ALLOW_CONNECTIONS true");
    assert_refused("host=/nonexistent", ERROR_DATABASE, "socket? there is no such local socket");
    assert_refused(
        "host=127.0.0.1 port=1", ERROR_DATABASE, "include that address? $ pg_lsclusters");
    assert_refused("", ERROR_USAGE, "the DSN is empty");
    assert_refused("host=no-such-host.invalid", ERROR_DATABASE, "the host's name is unknown");
    snprintf(dsn, sizeof(dsn), "host=%s sslmode=require", tcp);
    assert_refused(dsn, ERROR_DATABASE, "the server has ssl = off");
    assert_refused("sslmode=perhaps", ERROR_USAGE, "libpq refuses a connection parameter");
    assert_refused("pass word=sesame", ERROR_USAGE, "libpq does not understand the DSN");
    assert_refused("postgresql://a:sesame@@b/c", ERROR_USAGE, "two \"@\"");
    unsetenv("PGPASSWORD");
    snprintf(dsn, sizeof(dsn), "host=%s", tcp);
    assert_refused(dsn, ERROR_DATABASE, "set password (or passfile)");
    setenv("PGPASSWORD", password, 1);
    free(password);
}

static void unknown_parameters_are_named(void **state)
{
    static const char *const keywords[] = {"dbname", "hots", NULL};
    static const char *const values[] = {"postgres", "sesame", NULL};
    const struct connection_target target = {.keywords = keywords, .values = values};
    OWNED(connection) struct connection connection = {0};
    struct error err;

    (void)state;
    assert_false(connection_open(&connection, &target, &err));
    assert_int_equal(err.kind, ERROR_USAGE);
    assert_string_equal(err.text, "libpq knows no parameter \"hots\"");
}

static void a_full_server_is_explained(void **state)
{
    struct connection all[80] = {{0}};
    const struct connection_target target = {.dsn = "dbname=postgres"};
    struct error err = {0};
    size_t count = 0;

    (void)state;
    while (count < 80 && connection_open(&all[count], &target, &err))
        count++;
    assert_true(count < 80);
    assert_contains(err.text, "(53300). all connections of the server are in use");
    for (size_t i = 0; i <= count; i++)
        connection_release(&all[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_back),
        cmocka_unit_test(errors_carry_what_the_server_says),
        cmocka_unit_test(release_rolls_back),
        cmocka_unit_test(copy_in_arrives_whole_or_not_at_all),
        cmocka_unit_test(copy_out_yields_rows),
        cmocka_unit_test(a_statement_is_cancelled),
        cmocka_unit_test(a_copy_is_abandoned),
        cmocka_unit_test(a_lost_session_is_named),
        cmocka_unit_test(trouble_is_explained),
        cmocka_unit_test(unknown_parameters_are_named),
        cmocka_unit_test(a_full_server_is_explained),
    };

    return server_is_there() ? cmocka_run_group_tests(tests, NULL, NULL) : SERVER_SKIPPED;
}
