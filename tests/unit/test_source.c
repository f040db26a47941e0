#include "dump/source.h"

#include "base/owned.h"
#include "base/stop.h"
#include "tests/unit/database_sample.h"
#include "tests/unit/unit.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BUSY_MS 60

static bool open_source(struct source *source, const char *path, bool copies, struct error *err)
{
    struct source_options options = {
        .path = path, .copies_first = copies, .busy_timeout_ms = BUSY_MS};

    return source_open(source, &options, err);
}

static int count_rows(sqlite3 *db)
{
    sqlite3_stmt *statement;
    int count;

    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT count(*) FROM t", -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    count = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return count;
}

/* Opens, counts, confirms, closes; nothing in the folder may have changed. */
static void assert_rows(
    const struct sample_folder *folder, const char *name, bool copies, int expected)
{
    unsigned long long before = database_sample_fingerprint(folder);
    struct source source = {0};
    struct error err;

    ASSERT_DONE(open_source(&source, database_sample_path(folder, name), copies, &err), err);
    assert_int_equal(count_rows(source.db), expected);
    assert_int_not_equal(sqlite3_exec(source.db, "DELETE FROM t", NULL, NULL, NULL), SQLITE_OK);
    ASSERT_DONE(source_confirm(&source, &err), err);
    source_release(&source);
    assert_true(database_sample_fingerprint(folder) == before);
}

static void rollback_mode(void **state)
{
    struct sample_folder *folder = *state;

    database_sample_create(folder, "x.db", "CREATE TABLE t(a); INSERT INTO t VALUES(1),(2)");
    assert_rows(folder, "x.db", false, 2);
    assert_rows(folder, "x.db", true, 2);
}

static void hostile_name(void **state)
{
    struct sample_folder *folder = *state;
    const char *name = "file:a%20?b#c'\" \xff.db";

    database_sample_create(folder, "x.db", "CREATE TABLE t(a); INSERT INTO t VALUES(1),(2)");
    database_sample_copy(folder, "x.db", name);
    assert_rows(folder, name, false, 2);
}

static void wal_closed(void **state)
{
    struct sample_folder *folder = *state;

    database_sample_create(
        folder, "x.db", "PRAGMA journal_mode=WAL; CREATE TABLE t(a); INSERT INTO t VALUES(1),(2)");
    assert_false(database_sample_exists(folder, "x.db-wal"));
    assert_rows(folder, "x.db", false, 2);
    assert_rows(folder, "x.db", true, 2);
}

/* Copies x.db, in use: to y.db with the -wal, to z.db with the -shm too. */
static void copy_in_use(const struct sample_folder *folder)
{
    database_sample_copy(folder, "x.db", "y.db");
    database_sample_copy(folder, "x.db-wal", "y.db-wal");
    database_sample_copy(folder, "x.db", "z.db");
    database_sample_copy(folder, "x.db-wal", "z.db-wal");
    database_sample_copy(folder, "x.db-shm", "z.db-shm");
}

static void wal_left_behind(void **state)
{
    struct sample_folder *folder = *state;
    sqlite3 *db = database_sample_open(folder, "x.db",
        "PRAGMA journal_mode=WAL; CREATE TABLE t(a); INSERT INTO t VALUES(1),(2),(3)");

    copy_in_use(folder);
    sqlite3_close(db);
    assert_rows(folder, "y.db", false, 3);
    assert_rows(folder, "y.db", true, 3);
    assert_rows(folder, "z.db", false, 3);
}

/* The program was stopped after it had begun the log, before its first frame. */
static void wal_without_frames(void **state)
{
    struct sample_folder *folder = *state;
    sqlite3 *db = database_sample_open(folder, "x.db",
        "PRAGMA journal_mode=WAL; CREATE TABLE t(a); INSERT INTO t VALUES(1),(2),(3);"
        "PRAGMA wal_checkpoint(PASSIVE)");

    copy_in_use(folder);
    sqlite3_close(db);
    assert_int_equal(truncate(database_sample_path(folder, "y.db-wal"), 32), 0);
    assert_int_equal(truncate(database_sample_path(folder, "z.db-wal"), 32), 0);
    assert_rows(folder, "y.db", false, 3);
    assert_rows(folder, "y.db", true, 3);
    assert_rows(folder, "z.db", false, 3);
}

static void wal_in_use(void **state)
{
    struct sample_folder *folder = *state;
    struct source source = {0};
    struct error err;
    sqlite3 *db = database_sample_open(
        folder, "x.db", "PRAGMA journal_mode=WAL; CREATE TABLE t(a); INSERT INTO t VALUES(1),(2)");

    ASSERT_DONE(open_source(&source, database_sample_path(folder, "x.db"), false, &err), err);
    database_sample_run(db, "INSERT INTO t VALUES(3)");
    database_sample_run(db, "PRAGMA wal_checkpoint(PASSIVE)");
    database_sample_run(db, "INSERT INTO t VALUES(4)");
    assert_int_equal(count_rows(source.db), 2);
    ASSERT_DONE(source_confirm(&source, &err), err);
    source_release(&source);
    assert_int_equal(count_rows(db), 4);
    sqlite3_close(db);
}

/* Nobody can see that we read a WAL database without -shm, so we have to see them. */
static void wal_opened_meanwhile(void **state)
{
    struct sample_folder *folder = *state;
    struct source source = {0};
    struct error err;

    database_sample_create(
        folder, "x.db", "PRAGMA journal_mode=WAL; CREATE TABLE t(a); INSERT INTO t VALUES(1)");
    ASSERT_DONE(open_source(&source, database_sample_path(folder, "x.db"), false, &err), err);
    usleep(20000); /* longer than the clock of a file system ticks */
    database_sample_create(folder, "x.db", "INSERT INTO t VALUES(2); PRAGMA wal_checkpoint");
    ASSERT_FAILS(source_confirm(&source, &err), err, ERROR_DATABASE, "was changed");
    source_release(&source);
}

static void hot_journal(void **state)
{
    struct sample_folder *folder = *state;
    sqlite3 *db = database_sample_open(folder, "x.db",
        "PRAGMA cache_size=2; CREATE TABLE t(a);"
        "WITH n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<100)"
        "INSERT INTO t SELECT zeroblob(3000) FROM n;"
        "BEGIN; DELETE FROM t WHERE rowid%2; UPDATE t SET a=zeroblob(3001)");

    database_sample_copy(folder, "x.db", "y.db");
    database_sample_copy(folder, "x.db-journal", "y.db-journal");
    assert_rows(folder, "y.db", false, 100);
    assert_rows(folder, "y.db", true, 100);
    database_sample_run(db, "ROLLBACK");
    sqlite3_close(db);
}

static void locked(void **state)
{
    struct sample_folder *folder = *state;
    struct source source = {0};
    struct error err;
    sqlite3 *db = database_sample_open(
        folder, "x.db", "CREATE TABLE t(a); BEGIN EXCLUSIVE; INSERT INTO t VALUES(1)");

    ASSERT_FAILS(open_source(&source, database_sample_path(folder, "x.db"), false, &err), err,
        ERROR_DATABASE, "locked");
    source_release(&source);
    ASSERT_FAILS(open_source(&source, database_sample_path(folder, "x.db"), true, &err), err,
        ERROR_DATABASE, "locked");
    source_release(&source);
    sqlite3_close(db);
}

/* With a copy first, writers may write as soon as it is made. */
static void copy_leaves_writers_alone(void **state)
{
    struct sample_folder *folder = *state;
    struct source source = {0};
    struct error err;

    database_sample_create(folder, "x.db", "CREATE TABLE t(a); INSERT INTO t VALUES(1)");
    ASSERT_DONE(open_source(&source, database_sample_path(folder, "x.db"), true, &err), err);
    database_sample_create(folder, "x.db", "INSERT INTO t VALUES(2)");
    assert_int_equal(count_rows(source.db), 1);
    ASSERT_DONE(source_confirm(&source, &err), err);
    source_release(&source);
}

static void reading_holds_a_lock(void **state)
{
    struct sample_folder *folder = *state;
    struct source source = {0};
    struct error err;
    sqlite3 *db = database_sample_open(folder, "x.db", "CREATE TABLE t(a)");

    ASSERT_DONE(open_source(&source, database_sample_path(folder, "x.db"), false, &err), err);
    assert_int_equal(sqlite3_exec(db, "INSERT INTO t VALUES(2)", NULL, NULL, NULL), SQLITE_BUSY);
    source_release(&source);
    database_sample_run(db, "INSERT INTO t VALUES(2)");
    sqlite3_close(db);
}

static void damaged(void **state)
{
    struct sample_folder *folder = *state;
    struct source source = {0};
    struct error err;

    database_sample_create(folder, "x.db",
        "CREATE TABLE t(a); INSERT INTO t VALUES(zeroblob(100000)); CREATE TABLE u(a)");
    assert_int_equal(truncate(database_sample_path(folder, "x.db"), 8192), 0);
    ASSERT_FAILS(open_source(&source, database_sample_path(folder, "x.db"), false, &err), err,
        ERROR_CORRUPT, "malformed");
    source_release(&source);
}

static void stopped(void **state)
{
    struct sample_folder *folder = *state;
    struct source source = {0};
    struct error err;

    database_sample_create(folder, "x.db", "CREATE TABLE t(a)");
    stop_request();
    ASSERT_FAILS(open_source(&source, database_sample_path(folder, "x.db"), true, &err), err,
        ERROR_STOPPED, "stopped");
    stop_forget();
    source_release(&source);
}

/* Scratch copies go where TMPDIR says, and leave nothing. */
static void scratch_is_cleaned(void **state)
{
    struct sample_folder *folder = *state;
    struct sample_folder *other;
    struct error err;
    struct source source = {0};

    assert_int_equal(database_sample_setup((void **)&other), 0);
    database_sample_create(folder, "x.db", "CREATE TABLE t(a)");
    setenv("TMPDIR", other->path, 1);
    ASSERT_DONE(open_source(&source, database_sample_path(folder, "x.db"), true, &err), err);
    assert_int_equal(count_rows(source.db), 0);
    source_release(&source);
    assert_int_equal(rmdir(other->path), 0);
    assert_false(open_source(&source, database_sample_path(folder, "x.db"), true, &err));
    assert_int_equal(err.kind, ERROR_IO);
    source_release(&source);
    unsetenv("TMPDIR");
    free(other);
}

static void fill(sqlite3 *db)
{
    database_sample_run(db,
        "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
        "INSERT INTO t SELECT i FROM n");
}

static long long sum_rows(sqlite3 *db)
{
    sqlite3_stmt *statement;
    long long sum;

    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT sum(a) FROM t", -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    sum = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return sum;
}

/* What was read ahead is of the snapshot, whatever others write, and wherever it lies. */
static void reads_ahead_of_a_writer(void **state)
{
    struct sample_folder *folder = *state;
    struct source source = {0};
    struct error err;
    sqlite3 *db = database_sample_open(
        folder, "x.db", "PRAGMA page_size = 512; PRAGMA journal_mode=WAL; CREATE TABLE t(a)");

    fill(db);
    database_sample_run(db, "PRAGMA wal_checkpoint(TRUNCATE)");
    database_sample_run(db, "UPDATE t SET a = a + 1 WHERE a % 100 = 0");
    ASSERT_DONE(open_source(&source, database_sample_path(folder, "x.db"), false, &err), err);
    ASSERT_DONE(source_read_ahead(&source, &err), err);
    for (int i = 0; i < 20; i++) {
        database_sample_run(db, "UPDATE t SET a = a + 1");
        database_sample_run(db, "PRAGMA wal_checkpoint(PASSIVE)");
        assert_int_equal(sum_rows(source.db), 200010200);
    }
    source_release(&source);
    assert_int_equal(sum_rows(db), 200410200);
    sqlite3_close(db);
}

/* SQLite ends the transaction by itself after some errors. */
static void transaction_ended(void **state)
{
    struct sample_folder *folder = *state;
    const char *path = database_sample_create(folder, "x.db", "CREATE TABLE t(a)");
    struct source source = {0};
    struct error err;

    for (int copies = 0; copies < 2; copies++) {
        ASSERT_DONE(open_source(&source, path, copies == 1, &err), err);
        ASSERT_DONE(source_check_snapshot(&source, &err), err);
        database_sample_run(source.db, "ROLLBACK; SELECT * FROM t");
        ASSERT_FAILS(
            source_check_snapshot(&source, &err), err, ERROR_DATABASE, "ended the transaction");
        source_release(&source);
    }
}

/* SQLite goes on with the file that was moved or removed: pages of the one that took its name are
   never handed to it. */
static void does_not_read_ahead_of_another_file(void **state)
{
    struct sample_folder *folder = *state;
    const char *path = database_sample_path(folder, "x.db");
    struct source source = {0};
    struct error err;
    sqlite3 *db = database_sample_open(folder, "x.db", "PRAGMA page_size = 512; CREATE TABLE t(a)");
    sqlite3 *other;

    fill(db);
    other = database_sample_open(folder, "other.db", "PRAGMA page_size = 512; CREATE TABLE t(a)");
    fill(other);
    database_sample_run(other, "UPDATE t SET a = -a");
    ASSERT_DONE(open_source(&source, path, false, &err), err);
    assert_int_equal(rename(database_sample_path(folder, "other.db"), path), 0);
    ASSERT_DONE(source_read_ahead(&source, &err), err);
    for (int i = 0; i < 20; i++)
        assert_int_equal(sum_rows(source.db), 200010000);
    source_release(&source);

    ASSERT_DONE(open_source(&source, path, false, &err), err);
    assert_int_equal(unlink(path), 0);
    ASSERT_DONE(source_read_ahead(&source, &err), err);
    assert_int_equal(sum_rows(source.db), -200010000);
    source_release(&source);
    sqlite3_close(other);
    sqlite3_close(db);
}

#define TEST(function) \
    cmocka_unit_test_setup_teardown(function, database_sample_setup, database_sample_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rollback_mode),
        TEST(hostile_name),
        TEST(wal_closed),
        TEST(wal_left_behind),
        TEST(wal_without_frames),
        TEST(wal_in_use),
        TEST(wal_opened_meanwhile),
        TEST(hot_journal),
        TEST(locked),
        TEST(copy_leaves_writers_alone),
        TEST(reading_holds_a_lock),
        TEST(damaged),
        TEST(stopped),
        TEST(scratch_is_cleaned),
        TEST(reads_ahead_of_a_writer),
        TEST(transaction_ended),
        TEST(does_not_read_ahead_of_another_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
