/* Reading a table of a restored database back: the number of its rows, and their sum (SPEC 4.2). */
#ifndef TOOLS_RESTORE_SUM_H
#define TOOLS_RESTORE_SUM_H

#include "base/error.h"
#include "format/checksum.h"
#include "format/schema.h"
#include "tools/sqlite_file.h"

#include <stdint.h>

/* Reads all rows. Fails with ERROR_DATABASE, ERROR_STOPPED. */
MUST_CHECK bool restore_sum_run(struct sqlite_file *file, const struct schema_table *table,
    uint64_t *row_count, struct hash128 *sum, struct error *err);

#endif
