/*
 * What a database consists of, asked from SQLite itself.
 *
 * Only PRAGMAs and sqlite_schema are read, so that names of any kind and tables
 * whose module or functions are missing do no harm.
 */
#ifndef DUMP_CATALOG_H
#define DUMP_CATALOG_H

#include "base/byte_buffer.h"
#include "base/error.h"
#include "format/schema.h"

#include <sqlite3.h>

/*
 * Fills schema (zeroed before; release it in any case) from the main database of
 * db. Fails with ERROR_CORRUPT, ERROR_UNSUPPORTED, ERROR_DATABASE and others of
 * sqlite_error_kind().
 */
MUST_CHECK bool catalog_read(struct schema *schema, sqlite3 *db, struct error *err);

/*
 * Fails with ERROR_DATABASE when SQLite cannot compute a virtual column that is to be read, as it
 * calls a function of the application's. Better now than after hours.
 */
MUST_CHECK bool catalog_check(const struct schema *schema, sqlite3 *db, struct error *err);

#endif
