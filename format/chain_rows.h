/*
 * The rows of units of a chain, one after the other: the added rows of their
 * blocks, less the removed ones. Memory: one block, and 24 bytes for each
 * removed row of these units.
 */
#ifndef FORMAT_CHAIN_ROWS_H
#define FORMAT_CHAIN_ROWS_H

#include "base/error.h"
#include "format/chain.h"
#include "format/row_counts.h"

#include <stdint.h>

struct chain_rows {
    const struct chain *chain;
    struct byte_buffer blocks; /* struct chain_block */
    size_t next_block;
    struct row_counts removed; /* rows still to be left out */
    struct dump_buffer buffer; /* the current block */
    struct byte_buffer row;    /* canonical form of the last row */
    struct hash128 hash;       /* of the last row */
    uint32_t column_count;
};

/* Begins with units [first, first + count) of the table. Fails with ERROR_CORRUPT, ERROR_IO. */
MUST_CHECK bool chain_rows_open(struct chain_rows *rows, const struct chain_table *table,
    uint32_t first, uint32_t count, struct error *err);

/*
 * Fills values with the next row, rows->row with its canonical form and
 * rows->hash with its hash. *is_row is false after the last one. Borrowed until the next call.
 */
MUST_CHECK bool chain_rows_next(
    struct chain_rows *rows, struct value *values, bool *is_row, struct error *err);

void chain_rows_release(struct chain_rows *rows);

#endif
