/*
 * All rows of a table in a chain's state, one after the other.
 *
 * Units are taken in order, so that memory is bounded by one of them, while
 * another thread reads the next blocks. After the last row their number and sum
 * have been compared with the table's end.
 */
#ifndef FORMAT_CHAIN_SCAN_H
#define FORMAT_CHAIN_SCAN_H

#include "base/error.h"
#include "format/chain.h"
#include "format/chain_rows.h"

#include <stdint.h>

/* Zero-initialise. */
struct chain_scan {
    bool skips_hashes; /* set it when the rows' sum is checked elsewhere: it is not made then */
    struct chain_table table;
    struct chain_rows rows;
    struct block_ahead *ahead; /* owned */
    struct value *values;      /* owned; of the last row, borrowing until the next call */
    uint32_t next_unit;
    uint64_t row_count; /* so far */
    struct hash128 sum; /* likewise */
};

/*
 * Begins with the table of that ordinal in the newest dump; a scan may be begun
 * again. Fails with ERROR_REFUSED when the chain has the table in deltas only,
 * with ERROR_CORRUPT, ERROR_IO.
 */
MUST_CHECK bool chain_scan_open(
    struct chain_scan *scan, const struct chain *chain, uint32_t ordinal, struct error *err);

/*
 * Fills scan->values with the next row; *is_row is false after the last one. Fails
 * with ERROR_CORRUPT, ERROR_IO.
 */
MUST_CHECK bool chain_scan_next(struct chain_scan *scan, bool *is_row, struct error *err);

void chain_scan_release(struct chain_scan *scan);

#endif
