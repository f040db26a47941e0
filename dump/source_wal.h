/*
 * The write-ahead log beside a database, looked at before SQLite opens it.
 *
 * SQLite takes a log whose first bytes are damaged for an empty one: the newest
 * transactions would be missing, without a word.
 */
#ifndef DUMP_SOURCE_WAL_H
#define DUMP_SOURCE_WAL_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Looks at the log of this database, if it has one. Fails with ERROR_IO (it cannot be read) and
 * ERROR_CORRUPT (it is no log). https://www.sqlite.org/fileformat2.html, section 4.1
 */
MUST_CHECK bool source_wal_check(const char *database_path, struct error *err);

/*
 * Frames of a log that nobody writes which SQLite ignores: those that follow its last whole
 * transaction, be it that the next was never finished or that the log is cut off or damaged there.
 * What is left of the time before the log began anew does not count. 0 where there is no log.
 */
MUST_CHECK bool source_wal_count_ignored(
    const char *database_path, uint64_t *frame_count, struct error *err);

#endif
