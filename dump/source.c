#include "dump/source.h"

#include "base/byte_buffer.h"
#include "base/owned.h"
#include "base/stop.h"
#include "dump/read_only_vfs.h"
#include "dump/source_header.h"
#include "dump/source_wal.h"
#include "dump/sqlite_error.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BACKUP_STEP_PAGES 2048
#define BACKUP_RESTARTS_MAX 3     /* then the rest is copied without letting writers in */
#define LOCK_POLL_MS 20           /* between two attempts to get a lock */
#define PROGRESS_OPERATIONS 20000 /* of SQLite's virtual machine, between two looks at stop */

/* How the file is opened. */
enum access {
    ACCESS_ALONE,       /* without an -shm, be it WAL or not */
    ACCESS_READ_SHM,    /* the -shm is only read */
    ACCESS_PARTICIPATE, /* as any reader of a live WAL database */
};

static void close_database(struct source *source)
{
    sqlite3_close(source->db);
    source->db = NULL;
    read_ahead_close(source->ahead);
    source->ahead = NULL;
}

void source_release(struct source *source)
{
    close_database(source);
    scratch_release(&source->scratch);
    free(source->path);
    *source = (struct source){0};
}

/* --- settings of the connection ------------------------------------------------------- */

static int compare_bytes(
    void *context, int left_size, const void *left, int right_size, const void *right)
{
    int shorter = left_size < right_size ? left_size : right_size;
    int order = shorter == 0 ? 0 : memcmp(left, right, (size_t)shorter);

    (void)context;
    return order != 0 ? order : left_size - right_size;
}

/* Reading all rows never compares, but SQLite wants every collation to exist. */
static void on_unknown_collation(void *context, sqlite3 *db, int encoding, const char *name)
{
    struct source *source = context;

    source->has_unknown_collation = true;
    /* If it fails, SQLite reports the missing collation itself. */
    sqlite3_create_collation_v2(db, name, encoding, NULL, compare_bytes, NULL);
}

static uint64_t milliseconds_since(const struct timespec *start)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (
        uint64_t)((now.tv_sec - start->tv_sec) * 1000 + (now.tv_nsec - start->tv_nsec) / 1000000);
}

static void sleep_ms(unsigned milliseconds)
{
    const struct timespec pause = {.tv_nsec = (long)milliseconds * 1000000};

    /* A signal that interrupts the pause is what we want to see early. */
    (void)nanosleep(&pause, NULL);
}

static int on_busy(void *context, int attempt)
{
    struct source *source = context;

    if (attempt == 0)
        clock_gettime(CLOCK_MONOTONIC, &source->busy_since);
    if (stop_is_requested() || milliseconds_since(&source->busy_since) >= source->busy_timeout_ms)
        return 0;
    sleep_ms(LOCK_POLL_MS);
    return 1;
}

static int on_progress(void *context)
{
    (void)context;
    return stop_is_requested();
}

/*
 * No double-quoted name turns into a string. What the file's schema computes with is allowed: to
 * SQLite before 3.41 the functions for JSON are unsafe where it is not trusted, and a database with
 * one in an index or a generated column could not even be opened. None of SQLite's functions does
 * more than compute, as long as extensions cannot be loaded and no tokenizer can be registered:
 * with ENABLE_FTS3_TOKENIZER (Debian) that takes the address of code from anyone, even in a CHECK.
 */
static int configure(struct source *source)
{
    static const char pragmas[] = "PRAGMA trusted_schema=ON; PRAGMA query_only=ON;"
                                  "PRAGMA cell_size_check=ON; PRAGMA mmap_size=0;";
    int status = sqlite3_db_config(source->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);

    for (int id = SQLITE_LIMIT_LENGTH; id < SQLITE_LIMIT_WORKER_THREADS; id++)
        sqlite3_limit(source->db, id, INT_MAX);
    if (status == SQLITE_OK)
        status = sqlite3_db_config(source->db, SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0, NULL);
    sqlite3_extended_result_codes(source->db, 1);
    sqlite3_busy_handler(source->db, on_busy, source);
    sqlite3_progress_handler(source->db, PROGRESS_OPERATIONS, on_progress, NULL);
    if (status == SQLITE_OK)
        status = sqlite3_collation_needed(source->db, source, on_unknown_collation);
    if (status == SQLITE_OK)
        status = sqlite3_exec(source->db, pragmas, NULL, NULL, NULL);
    return status;
}

/* --- opening ------------------------------------------------------------------------------ */

/* "file:..." with everything escaped that SQLite would interpret. */
static void put_uri(struct byte_buffer *uri, const char *path, const char *parameters)
{
    static const char digits[] = "0123456789abcdef";

    byte_buffer_put(uri, "file:", 5);
    for (const char *c = path; *c != '\0'; c++) {
        uint8_t byte = (uint8_t)*c;

        if (byte != '%' && byte != '?' && byte != '#') {
            byte_buffer_put_u8(uri, byte);
            continue;
        }
        byte_buffer_put_u8(uri, '%');
        byte_buffer_put_u8(uri, (uint8_t)digits[byte >> 4]);
        byte_buffer_put_u8(uri, (uint8_t)digits[byte & 15]);
    }
    byte_buffer_put(uri, parameters, strlen(parameters) + 1);
}

static int begin(sqlite3 *db)
{
    /* BEGIN alone takes no lock and sees no snapshot; reading does. */
    return sqlite3_exec(db, "BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1", NULL, NULL, NULL);
}

/* Opens path; the result is SQLite's, with source->db to ask for the text. */
static int open_with(struct source *source, const char *path, enum access access)
{
    OWNED(byte_buffer) struct byte_buffer uri = {0};
    int status;

    close_database(source);
    put_uri(&uri, path, access == ACCESS_READ_SHM ? "?readonly_shm=1" : "");
    status = sqlite3_open_v2((const char *)uri.data, &source->db,
        SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI,
        access == ACCESS_ALONE ? READ_ONLY_VFS_ALONE : READ_ONLY_VFS_SHARED);
    if (status == SQLITE_OK)
        status = configure(source);
    return status == SQLITE_OK ? begin(source->db) : status;
}

static bool exists(const char *path, const char *suffix)
{
    OWNED(byte_buffer) struct byte_buffer name = {0};

    byte_buffer_put_text(&name, path);
    byte_buffer_put(&name, suffix, strlen(suffix) + 1);
    return access((const char *)name.data, F_OK) == 0;
}

static int open_best(struct source *source, bool is_wal)
{
    const char *path = source->path;
    int status;

    if (!exists(path, "-shm")) {
        source->is_alone = is_wal || exists(path, "-wal");
        return open_with(source, path, ACCESS_ALONE);
    }
    /* Nothing is written if that will do: it does unless the index is just being made. */
    status = open_with(source, path, ACCESS_READ_SHM);
    if ((status & 0xff) == SQLITE_READONLY && status != SQLITE_READONLY_ROLLBACK)
        status = open_with(source, path, ACCESS_PARTICIPATE);
    return status;
}

static bool open_failed(struct source *source, int status, struct error *err)
{
    if (stop_is_requested())
        return stop_check(err);
    if ((status & 0xff) == SQLITE_READONLY)
        return error_set(err, ERROR_DATABASE,
            "cannot read \"%s\" without writing beside it (%s); run valise-dump as the user who owns the file",
            source->path, sqlite3_errmsg(source->db));
    return sqlite_error_set(
        err, source->db, status, "cannot open the database \"%s\"", source->path);
}

/* --- copies ------------------------------------------------------------------------------ */

/* Opens what lies in the scratch folder, and lets nothing lie there. */
static bool open_copy(struct source *source, struct error *err)
{
    int status = open_with(source, source->scratch.database, ACCESS_ALONE);

    source->is_copy = true;
    if (status != SQLITE_OK)
        return sqlite_error_set(
            err, source->db, status, "cannot open the copy of \"%s\"", source->path);
    return true;
}

/* A crash in a transaction left its journal: SQLite undoes that transaction in a copy. */
static bool copy_and_roll_back(struct source *source, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer journal = {0};
    int status;

    close_database(source);
    byte_buffer_put(&journal, source->path, strlen(source->path));
    byte_buffer_put(&journal, "-journal", sizeof("-journal"));
    if (!scratch_create(&source->scratch, err)
        || !scratch_copy(&source->scratch, source->path, "", err)
        || !scratch_copy(&source->scratch, (const char *)journal.data, "-journal", err))
        return error_wrap(
            err, "an unfinished transaction in \"%s\" has to be undone in a copy", source->path);
    status = sqlite3_open_v2(
        source->scratch.database, &source->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (status == SQLITE_OK)
        status = begin(source->db);
    if (status != SQLITE_OK)
        return sqlite_error_set(err, source->db, status,
            "cannot undo the unfinished transaction in a copy of \"%s\"", source->path);
    close_database(source);
    return open_copy(source, err);
}

/* Copies all pages; writers get their turn between steps until they did so too often. */
static int run_backup(struct source *source, sqlite3_backup *backup)
{
    int step = BACKUP_STEP_PAGES;
    int remaining = INT_MAX;
    int restarts = 0;
    int attempt = 0;

    for (;;) {
        int status = sqlite3_backup_step(backup, step);

        if (stop_is_requested())
            return SQLITE_INTERRUPT;
        if (status == SQLITE_BUSY || status == SQLITE_LOCKED) {
            if (!on_busy(source, attempt++))
                return status;
            continue;
        }
        if (status != SQLITE_OK)
            return status;
        attempt = 0;
        if (sqlite3_backup_remaining(backup) >= remaining && ++restarts == BACKUP_RESTARTS_MAX)
            step = -1;
        remaining = sqlite3_backup_remaining(backup);
    }
}

static bool back_up_into(struct source *source, sqlite3 *copy, struct error *err)
{
    sqlite3_backup *backup;
    int status = sqlite3_exec(copy, "PRAGMA synchronous=OFF", NULL, NULL, NULL);

    if (status != SQLITE_OK)
        return sqlite_error_set(err, copy, status, "cannot prepare a copy");
    backup = sqlite3_backup_init(copy, "main", source->db, "main");
    if (backup == NULL)
        return sqlite_error_set(err, copy, sqlite3_errcode(copy), "cannot begin to copy");
    status = run_backup(source, backup);
    if (sqlite3_backup_finish(backup) != SQLITE_OK && status == SQLITE_DONE)
        status = sqlite3_errcode(copy);
    if (stop_is_requested())
        return stop_check(err);
    if (status != SQLITE_DONE)
        return sqlite_error_set(err, copy, status, "cannot copy \"%s\" to \"%s\"", source->path,
            source->scratch.folder);
    return true;
}

static bool copy_online(struct source *source, struct error *err)
{
    sqlite3 *copy = NULL;
    bool done;
    int status;

    /* The transaction showed that the database can be read; it would keep writers out. */
    status = sqlite3_exec(source->db, "COMMIT", NULL, NULL, NULL);
    if (status != SQLITE_OK)
        return open_failed(source, status, err);
    if (!scratch_create(&source->scratch, err))
        return false;
    status = sqlite3_open_v2(source->scratch.database, &copy,
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (status == SQLITE_OK)
        done = back_up_into(source, copy, err);
    else
        done =
            sqlite_error_set(err, copy, status, "cannot create \"%s\"", source->scratch.database);
    sqlite3_close(copy);
    return done && source_confirm(source, err) && open_copy(source, err);
}

/* SQLite would only say that it is unable to open a file. */
static bool check_path(const char *path, struct error *err)
{
    size_t size_max = (size_t)sqlite3_vfs_find(NULL)->mxPathname - strlen("-journal");

    if (strlen(path) <= size_max)
        return true;
    return error_set(err, ERROR_IO,
        "the path of the database has %zu bytes, but SQLite opens %zu at most; move the file, or "
        "make a short path with mount --bind",
        strlen(path), size_max);
}

/* --- the whole ------------------------------------------------------------------------------ */

bool source_open(struct source *source, const struct source_options *options, struct error *err)
{
    struct source_header header;
    int status;

    *source = (struct source){.busy_timeout_ms = options->busy_timeout_ms};
    if (!source_header_read(&header, options->path, err) || !read_only_vfs_register(err))
        return false;
    source->path = realpath(options->path, NULL);
    if (source->path == NULL)
        return error_set_errno(err, "cannot find \"%s\"", options->path);
    if (!check_path(source->path, err) || (header.is_wal && !source_wal_check(source->path, err)))
        return false;
    source->before = header.file;
    source->size = (uint64_t)header.file.st_size;
    source->page_size = header.page_size;
    status = open_best(source, header.is_wal);
    if (source->is_alone
        && !source_wal_count_ignored(source->path, &source->ignored_frame_count, err))
        return false;
    if (status == SQLITE_OK && options->copies_first)
        return copy_online(source, err);
    if (status == SQLITE_READONLY_ROLLBACK)
        return copy_and_roll_back(source, err);
    return status == SQLITE_OK || open_failed(source, status, err);
}

/* SQLite goes on with the file that it opened, also when the name has become that of another. */
static bool is_moved(sqlite3 *db)
{
    int moved = 1;
    int status = sqlite3_file_control(db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);

    return status != SQLITE_OK || moved != 0;
}

bool source_read_ahead(struct source *source, struct error *err)
{
    const char *path = sqlite3_db_filename(source->db, "main");

    if (is_moved(source->db))
        return true;
    if (!read_ahead_open(&source->ahead, path, source->page_size, err))
        return false;
    /* Unused if it may have another file; closing it here might end SQLite's locks. */
    if (!is_moved(source->db))
        read_only_vfs_read_ahead(source->db, source->ahead);
    return true;
}

bool source_check_snapshot(const struct source *source, struct error *err)
{
    if (sqlite3_get_autocommit(source->db) == 0)
        return true;
    return error_set(err, ERROR_DATABASE,
        "SQLite ended the transaction in which \"%s\" was read; run valise-dump again",
        source->path);
}

bool source_confirm(const struct source *source, struct error *err)
{
    struct stat now;

    if (source->is_copy || !source->is_alone)
        return true;
    if (stat(source->path, &now) != 0)
        return error_set_errno(err, "cannot examine \"%s\"", source->path);
    if (now.st_size != source->before.st_size || now.st_ino != source->before.st_ino
        || now.st_mtim.tv_sec != source->before.st_mtim.tv_sec
        || now.st_mtim.tv_nsec != source->before.st_mtim.tv_nsec)
        return error_set(err, ERROR_DATABASE,
            "\"%s\" was changed by a program that started while it was read; run valise-dump again",
            source->path);
    return true;
}
