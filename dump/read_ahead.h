/*
 * Reads the pages that a scan will ask for, in a thread of its own.
 *
 * A scan asks the system for page after page, which is a quarter of its time even where the file is
 * in memory. Which pages hold a table's rows stands in the pages above them in the b-tree (SQLite's
 * file format, section 1.6): when SQLite reads one of those, the pages below it are read here.
 *
 * What was read ahead is as old as that read: it has to be forgotten when locks change.
 */
#ifndef DUMP_READ_AHEAD_H
#define DUMP_READ_AHEAD_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct read_ahead;

/*
 * Opens the database file for itself and starts the thread. Fails with ERROR_IO. Close it after
 * SQLite has closed the file: closing ends all locks that this process has on it.
 */
MUST_CHECK bool read_ahead_open(
    struct read_ahead **out, const char *path, uint32_t page_size, struct error *err);

/* Ends the thread and frees. NULL is allowed. */
void read_ahead_close(struct read_ahead *ahead);

/*
 * Copies the page at this offset to out if it was read ahead; false means that the caller has to
 * read it. The pages before it in the scan are not expected any more.
 */
bool read_ahead_take(struct read_ahead *ahead, void *out, size_t size, uint64_t offset);

/* Looks at a page that SQLite has got: the pages below it in the b-tree of a table come next. */
void read_ahead_follow(struct read_ahead *ahead, const uint8_t *page, size_t size, uint64_t offset);

/* Forgets what was read, and what was to come. */
void read_ahead_forget(struct read_ahead *ahead);

#endif
