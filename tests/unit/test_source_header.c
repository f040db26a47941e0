#include "dump/source_header.h"

#include "tests/unit/database_sample.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void missing_folder_pipe_empty(void **state)
{
    struct sample_folder *folder = *state;
    struct source_header header;
    struct error err;

    ASSERT_FAILS(source_header_read(&header, database_sample_path(folder, "none"), &err), err,
        ERROR_IO, "No such file");
    assert_false(database_sample_exists(folder, "none"));
    ASSERT_FAILS(source_header_read(&header, folder->path, &err), err, ERROR_IO, "is a folder");
    assert_int_equal(mkfifo(database_sample_path(folder, "pipe"), 0600), 0);
    ASSERT_FAILS(source_header_read(&header, database_sample_path(folder, "pipe"), &err), err,
        ERROR_IO, "not a regular file");
    database_sample_write(folder, "empty", "", 0);
    ASSERT_FAILS(source_header_read(&header, database_sample_path(folder, "empty"), &err), err,
        ERROR_NOT_DUMP, "empty");
}

static void unreadable(void **state)
{
    struct sample_folder *folder = *state;
    const char *path = database_sample_create(folder, "x.db", "CREATE TABLE t(a)");
    struct source_header header;
    struct error err;

    if (geteuid() == 0) {
        print_message("SKIP: root may read everything\n");
        return;
    }
    assert_int_equal(chmod(path, 0), 0);
    ASSERT_FAILS(source_header_read(&header, path, &err), err, ERROR_IO, "Permission denied");
}

/* Changes one byte of a good database. */
static void damage(const struct sample_folder *folder, const char *name, long at, int byte)
{
    FILE *file;

    database_sample_create(folder, "good.db", "CREATE TABLE IF NOT EXISTS t(a)");
    database_sample_copy(folder, "good.db", name);
    file = fopen(database_sample_path(folder, name), "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_equal(fputc(byte, file), byte);
    assert_int_equal(fclose(file), 0);
}

static void wrong_bytes(void **state)
{
    static const struct {
        long at;
        int byte;
        enum error_kind kind;
        const char *words;
    } cases[] = {
        {0, 'X', ERROR_NOT_DUMP, "not a SQLite database"},
        {15, 'X', ERROR_NOT_DUMP, "encrypted"},
        {17, 3, ERROR_CORRUPT, "page size"},
        {19, 3, ERROR_UNSUPPORTED, "file format 3"},
        {47, 5, ERROR_UNSUPPORTED, "schema format"},
    };
    struct sample_folder *folder = *state;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct source_header header;
        struct error err;

        damage(folder, "bad.db", cases[i].at, cases[i].byte);
        ASSERT_FAILS(source_header_read(&header, database_sample_path(folder, "bad.db"), &err), err,
            cases[i].kind, cases[i].words);
    }
}

static void cut_short(void **state)
{
    struct sample_folder *folder = *state;
    struct source_header header;
    struct error err;

    database_sample_create(folder, "x.db", "CREATE TABLE t(a)");
    assert_int_equal(truncate(database_sample_path(folder, "x.db"), 300), 0);
    ASSERT_FAILS(source_header_read(&header, database_sample_path(folder, "x.db"), &err), err,
        ERROR_CORRUPT, "cut short");
}

static void journal_modes(void **state)
{
    struct sample_folder *folder = *state;
    struct source_header header;
    struct error err;

    ASSERT_DONE(source_header_read(
                    &header, database_sample_create(folder, "a.db", "CREATE TABLE t(a)"), &err),
        err);
    assert_false(header.is_wal);
    ASSERT_DONE(
        source_header_read(&header,
            database_sample_create(folder, "b.db", "PRAGMA journal_mode=WAL; CREATE TABLE t(a)"),
            &err),
        err);
    assert_true(header.is_wal);
}

#define TEST(function) \
    cmocka_unit_test_setup_teardown(function, database_sample_setup, database_sample_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(missing_folder_pipe_empty),
        TEST(unreadable),
        TEST(wrong_bytes),
        TEST(cut_short),
        TEST(journal_modes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
