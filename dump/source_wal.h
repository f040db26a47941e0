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

/*
 * Looks at the log of this database, if it has one. Fails with ERROR_IO (it cannot be read) and
 * ERROR_CORRUPT (it is no log). https://www.sqlite.org/fileformat2.html, section 4.1
 */
MUST_CHECK bool source_wal_check(const char *database_path, struct error *err);

#endif
