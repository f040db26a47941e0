/* What SQLite reports, as an error of ours. */
#ifndef DUMP_SQLITE_ERROR_H
#define DUMP_SQLITE_ERROR_H

#include "base/error.h"

#include <sqlite3.h>

/* The kind of a result code of SQLite other than SQLITE_OK, SQLITE_ROW and SQLITE_DONE. */
enum error_kind sqlite_error_kind(int status);

/*
 * Records "<what the format says>: <what SQLite says>[; what to do]" of the last
 * call on db, which returned status; "stopped on request" when SQLite was interrupted.
 * db may be NULL. Always returns false.
 */
bool sqlite_error_set(struct error *err, sqlite3 *db, int status, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
