/*
 * The order in which a scan must give the rows of a table.
 *
 * SQLite follows the pointers of its pages and does not look where they lead: in a
 * damaged database a scan can give rows twice, skip some, or give those of another
 * table, and end as if nothing were wrong. A scan of an undamaged table gives each
 * rowid, or each primary key of a WITHOUT ROWID table, greater than the one before.
 */
#ifndef DUMP_ROW_ORDER_H
#define DUMP_ROW_ORDER_H

#include "base/error.h"
#include "format/schema.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

struct row_order_key {
    uint32_t column;
    bool is_descending;
    bool is_binary;      /* collated as bytes; else only equal bytes say anything */
    sqlite3_value *last; /* of the row before; owned, NULL for the first row */
};

struct row_order {
    const char *rowid; /* a name of the rowid that no column has taken; or NULL: unknown */
    int64_t last;      /* rowid of the row before */
    bool has_last;
    bool is_utf16;              /* texts are */
    struct row_order_key *keys; /* owned; of a WITHOUT ROWID table */
    uint32_t key_count;
};

/* Finds out what a table is ordered by. Fails with ERROR_DATABASE, ERROR_CORRUPT and ERROR_IO. */
MUST_CHECK bool row_order_begin(struct row_order *order, sqlite3 *db, const struct schema *schema,
    uint32_t table, struct error *err);

void row_order_release(struct row_order *order);

/* Fails with ERROR_CORRUPT if rowid is not greater than that of the call before. */
MUST_CHECK bool row_order_rowid(struct row_order *order, int64_t rowid, struct error *err);

/* Fails likewise for the primary key; values are those of the table's columns. No-op without keys.
 */
MUST_CHECK bool row_order_values(
    struct row_order *order, sqlite3_value *const *values, struct error *err);

#endif
