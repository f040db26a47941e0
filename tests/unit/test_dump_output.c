#include "dump/dump_output.h"

#include "tests/unit/database_sample.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <unistd.h>

static void default_names(void **state)
{
    static const char *const cases[][2] = {
        {"homeserver.db", "homeserver.db.valise"},
        {"/var/lib/x.db", "x.db.valise"},
        {"../x", "x.valise"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char *name = dump_output_name(cases[i][0]);

        assert_string_equal(name, cases[i][1]);
        free(name);
    }
}

static bool prepare(
    const struct sample_folder *folder, const char *name, bool force, struct error *err)
{
    const char *path = database_sample_path(folder, name);
    const char *wanted = path;

    return dump_output_prepare(&path, database_sample_path(folder, "x.db"), force, err)
           && path == wanted;
}

static void files(void **state)
{
    struct sample_folder *folder = *state;
    const char *path;
    struct error err;

    database_sample_write(folder, "x.db", "a", 1);
    database_sample_write(folder, "old", "a", 1);
    database_sample_write(folder, "other.db", "SQLite format 3\0", 16);
    assert_int_equal(
        link(database_sample_path(folder, "x.db"), database_sample_path(folder, "same")), 0);
    ASSERT_DONE(prepare(folder, "new", false, &err), err);
    assert_false(database_sample_exists(folder, "new"));
    ASSERT_FAILS(prepare(folder, "old", false, &err), err, ERROR_REFUSED, "--force");
    ASSERT_DONE(prepare(folder, "old", true, &err), err);
    ASSERT_FAILS(prepare(folder, "same", true, &err), err, ERROR_REFUSED, "database itself");
    ASSERT_FAILS(prepare(folder, "other.db", true, &err), err, ERROR_REFUSED, "SQLite database");
    ASSERT_FAILS(
        prepare(folder, "x.db-wal", true, &err), err, ERROR_REFUSED, "beside the database");
    database_sample_write(folder, "x.db-wal", "a", 1);
    ASSERT_FAILS(
        prepare(folder, "././x.db-wal", true, &err), err, ERROR_REFUSED, "beside the database");
    ASSERT_DONE(prepare(folder, "x.db-wall", true, &err), err);
    assert_int_equal(chdir(folder->path), 0);
    path = "x.db-journal";
    ASSERT_FAILS(dump_output_prepare(&path, "./x.db", true, &err), err, ERROR_REFUSED, "beside");
    ASSERT_FAILS(prepare(folder, "", true, &err), err, ERROR_REFUSED, "folder");
    ASSERT_FAILS(prepare(folder, "old/x", true, &err), err, ERROR_IO, "Not a directory");
}

static void devices(void **state)
{
    int output = dup(STDOUT_FILENO);
    const char *path = "/dev/null";
    struct error err;
    bool done;

    (void)state;
    done = dump_output_prepare(&path, "x.db", false, &err);
    dup2(output, STDOUT_FILENO);
    close(output);
    ASSERT_DONE(done, err);
    assert_string_equal(path, "-");
}

#define TEST(function) \
    cmocka_unit_test_setup_teardown(function, database_sample_setup, database_sample_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(default_names),
        TEST(files),
        TEST(devices),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
