#include "dump/integrity.h"

#include "tests/unit/database_sample.h"
#include "tests/unit/unit.h"

#include <stdio.h>

/* The warnings of one check, behind one another. */
struct warnings {
    char text[2048];
};

static void note(void *context, const char *text)
{
    struct warnings *warnings = context;

    strncat(warnings->text, text, sizeof(warnings->text) - strlen(warnings->text) - 1);
    strncat(warnings->text, "\n", sizeof(warnings->text) - strlen(warnings->text) - 1);
}

static bool check(const struct sample_folder *folder, struct warnings *warnings, struct error *err)
{
    struct source_options options = {
        .path = database_sample_path(folder, "x.db"), .busy_timeout_ms = 50};
    struct source source = {0};
    bool done;

    *warnings = (struct warnings){0};
    ASSERT_DONE(source_open(&source, &options, err), *err);
    done = integrity_check(&source, note, warnings, err);
    source_release(&source);
    return done;
}

static void sound(void **state)
{
    struct sample_folder *folder = *state;
    struct warnings warnings;
    struct error err;

    database_sample_create(folder, "x.db",
        "CREATE TABLE t(a UNIQUE, b REFERENCES t(a)); INSERT INTO t VALUES(1,1),(2,NULL)");
    ASSERT_DONE(check(folder, &warnings, &err), err);
    assert_string_equal(warnings.text, "");
}

static void dangling_references(void **state)
{
    struct sample_folder *folder = *state;
    struct warnings warnings;
    struct error err;

    database_sample_create(folder, "x.db",
        "CREATE TABLE p(a UNIQUE); CREATE TABLE c(x REFERENCES p(a)); CREATE TABLE d(x REFERENCES "
        "none(a)); INSERT INTO p VALUES(1); INSERT INTO c VALUES(1),(2),(3),(NULL);"
        "INSERT INTO d VALUES(5)");
    ASSERT_DONE(check(folder, &warnings, &err), err);
    assert_non_null(strstr(warnings.text, "table \"c\": 2 rows refer to rows of \"p\""));
    assert_non_null(strstr(warnings.text, "table \"d\": 1 rows refer to rows of \"none\""));
}

static void impossible_reference(void **state)
{
    struct sample_folder *folder = *state;
    struct warnings warnings;
    struct error err;

    database_sample_create(folder, "x.db",
        "CREATE TABLE p(a); CREATE TABLE c(x REFERENCES p(a)); INSERT INTO c VALUES(1)");
    ASSERT_DONE(check(folder, &warnings, &err), err);
    assert_non_null(strstr(warnings.text, "cannot be checked"));
}

/* An index that lacks an entry: only the check can see that. */
static void wrong_index(void **state)
{
    struct sample_folder *folder = *state;
    struct warnings warnings;
    struct error err;

    database_sample_create(folder, "x.db",
        "CREATE TABLE t(a); CREATE INDEX i ON t(a) WHERE a>1; INSERT INTO t VALUES(1),(2),(3);"
        "PRAGMA writable_schema=ON;"
        "UPDATE sqlite_schema SET sql='CREATE INDEX i ON t(a)' WHERE name='i'");
    ASSERT_FAILS(check(folder, &warnings, &err), err, ERROR_CORRUPT, "missing from index i");
}

static int compare_sizes(
    void *context, int left_size, const void *left, int right_size, const void *right)
{
    (void)context;
    (void)left;
    (void)right;
    return right_size - left_size;
}

static void unknown_collation(void **state)
{
    struct sample_folder *folder = *state;
    sqlite3 *db = database_sample_open(folder, "x.db", "");
    struct warnings warnings;
    struct error err;

    sqlite3_create_collation(db, "bysize", SQLITE_UTF8, NULL, compare_sizes);
    database_sample_run(db, "CREATE TABLE t(a COLLATE bysize UNIQUE);"
                            "INSERT INTO t VALUES('a'),('bbb'),('cc')");
    sqlite3_close(db);
    ASSERT_DONE(check(folder, &warnings, &err), err);
    assert_non_null(strstr(warnings.text, "collation"));
}

#define TEST(function) \
    cmocka_unit_test_setup_teardown(function, database_sample_setup, database_sample_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sound),
        TEST(dangling_references),
        TEST(impossible_reference),
        TEST(wrong_index),
        TEST(unknown_collation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
