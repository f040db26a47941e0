/*
 * The rows of one table, put into a restored database exactly as they were.
 *
 * SQLite converts values to a column's affinity as they come in; a few databases
 * hold values that would not survive that. Where it can happen the rows are read
 * back at once, and a table that changed is loaded again through a table without
 * types and constraints, whose pages then become the table's.
 */
#ifndef TOOLS_RESTORE_TABLE_H
#define TOOLS_RESTORE_TABLE_H

#include "base/error.h"
#include "format/chain_scan.h"
#include "tools/sqlite_file.h"

/*
 * Loads the table of that ordinal in the chain's newest dump. `scan` is scratch
 * memory. Fails with ERROR_DATABASE, ERROR_IO, ERROR_CORRUPT, naming table and row.
 */
MUST_CHECK bool restore_table_load(struct sqlite_file *file, const struct chain *chain,
    uint32_t ordinal, struct chain_scan *scan, struct error *err);

/*
 * Reads a table back: the number of its rows and the sum of their hashes.
 * Fails with ERROR_DATABASE.
 */
MUST_CHECK bool restore_table_sum(struct sqlite_file *file, const struct schema_table *table,
    uint64_t *row_count, struct hash128 *sum, struct error *err);

#endif
