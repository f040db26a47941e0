/*
 * The rows of one table, put into a restored database exactly as they were.
 *
 * SQLite converts values to a column's affinity as they come in, and keeps the indexes of
 * constraints up to date with every row. A table of some size is therefore loaded through a plain
 * one without types and constraints, whose pages then become the table's, and its indexes are
 * built at once. A small table is loaded as it is; if that may have changed or has refused
 * a value, it is loaded again through a plain one.
 */
#ifndef TOOLS_RESTORE_TABLE_H
#define TOOLS_RESTORE_TABLE_H

#include "base/error.h"
#include "tools/restore_feed.h"
#include "tools/restore_plain.h"
#include "tools/sqlite_file.h"

/*
 * Loads the table of that ordinal in the chain's newest dump. If *plain holds the rows then, it
 * is to be swapped. Fails with ERROR_DATABASE, ERROR_IO, ERROR_CORRUPT, naming table and row.
 */
MUST_CHECK bool restore_table_load(struct sqlite_file *file, struct restore_feed *feed,
    uint32_t ordinal, struct restore_plain *plain, struct error *err);

#endif
