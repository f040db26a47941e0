/*
 * The database being dumped, opened so that nothing about it changes.
 *
 * An open source is inside one read transaction: what is read through it is one
 * snapshot, also while other programs write. Nothing is created or written
 * beside the database, apart from what WAL mode needs in an -shm that is there
 * already and in use. A database that cannot be read without writing (a hot
 * rollback journal lies beside it) is copied to a scratch folder first.
 */
#ifndef DUMP_SOURCE_H
#define DUMP_SOURCE_H

#include "base/error.h"
#include "dump/read_ahead.h"
#include "dump/scratch.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#define SOURCE_BUSY_TIMEOUT_MS 10000u

struct source_options {
    const char *path;
    bool copies_first;        /* through SQLite's backup API, so that writers wait for less long */
    uint32_t busy_timeout_ms; /* how long to wait for a lock */
};

struct source {
    sqlite3 *db;                  /* owned */
    struct read_ahead *ahead;     /* owned; NULL until source_read_ahead() */
    char *path;                   /* owned; of what the user named, links resolved */
    uint64_t size;                /* bytes of the file */
    uint32_t page_size;           /* bytes */
    bool is_copy;                 /* read from the scratch folder */
    bool is_alone;                /* a WAL database without -shm; see read_only_vfs.h */
    uint64_t ignored_frame_count; /* see source_wal_count_ignored() */
    bool has_unknown_collation;
    uint32_t busy_timeout_ms;
    struct timespec busy_since;
    struct stat before; /* of the file, before it was opened */
    struct scratch scratch;
};

/*
 * Opens the database and begins the read transaction. Fails with ERROR_IO (missing,
 * a folder, unreadable), ERROR_NOT_DUMP (empty, or no database), ERROR_CORRUPT,
 * ERROR_UNSUPPORTED, ERROR_DATABASE (locked and others) or ERROR_STOPPED. The
 * source stays where it is in memory until it is released.
 */
MUST_CHECK bool source_open(
    struct source *source, const struct source_options *options, struct error *err);

void source_release(struct source *source);

/*
 * From now on another thread reads what a scan of a table wants next, see read_ahead.h; not where
 * the file was moved or removed after it was opened. Fails with ERROR_IO.
 */
MUST_CHECK bool source_read_ahead(struct source *source, struct error *err);

/*
 * To be called when all was read without an error: fails with ERROR_DATABASE if that was not in one
 * transaction. SQLite ends it by itself after some errors of any statement, like a lack of memory.
 */
MUST_CHECK bool source_check_snapshot(const struct source *source, struct error *err);

/*
 * To be called when all was read: fails with ERROR_DATABASE if the file was changed
 * meanwhile in a way that no lock prevented (see read_only_vfs.h).
 */
MUST_CHECK bool source_confirm(const struct source *source, struct error *err);

#endif
