/*
 * The rows of units of a chain, one after the other: the added rows of their
 * blocks, less the removed ones. Memory: one block, and 24 bytes for each
 * removed row of these units.
 *
 * Rows are hashed only where removed ones are still to be found, and where the
 * caller asks. Blocks may be read ahead by another thread.
 */
#ifndef FORMAT_CHAIN_ROWS_H
#define FORMAT_CHAIN_ROWS_H

#include "base/error.h"
#include "format/block_ahead.h"
#include "format/chain.h"
#include "format/row_counts.h"

#include <stdint.h>

/* Zero-initialise. */
struct chain_rows {
    const struct chain *chain;
    struct block_ahead *ahead; /* borrowed; NULL: blocks are read when their turn comes */
    struct byte_buffer blocks; /* struct chain_block */
    size_t next_block;
    struct row_counts removed; /* rows still to be left out */
    struct dump_buffer buffer; /* the current block */
    struct chain_block loaded; /* which one it is */
    bool is_loaded;
    bool is_hashed;         /* row and hash are those of the last row */
    struct byte_buffer row; /* canonical form of the last row, after chain_rows_hash() */
    struct hash128 hash;    /* likewise */
    uint32_t column_count;
};

/*
 * Begins with units [first, first + count) of the table, always of the same chain, which
 * chain_rows_announce() has told to rows->ahead before, if there is one. Fails with ERROR_CORRUPT,
 * ERROR_IO.
 */
MUST_CHECK bool chain_rows_open(struct chain_rows *rows, const struct chain_table *table,
    uint32_t first, uint32_t count, struct error *err);

/* Tells `ahead` which blocks chain_rows_open() and chain_rows_next() will ask for. */
void chain_rows_announce(
    struct block_ahead *ahead, const struct chain_table *table, uint32_t first, uint32_t count);

/* Fills values with the next row; *is_row is false after the last. Borrowed until the next call. */
MUST_CHECK bool chain_rows_next(
    struct chain_rows *rows, struct value *values, bool *is_row, struct error *err);

/* Instead: appends the canonical form of the next row to out, and its hash is in rows->hash. */
MUST_CHECK bool chain_rows_append(
    struct chain_rows *rows, struct byte_buffer *out, bool *is_row, struct error *err);

/*
 * The hash of the row that chain_rows_next() put into values; its canonical form is then in
 * rows->row.
 */
struct hash128 chain_rows_hash(struct chain_rows *rows, const struct value *values);

/* Of the memory of a block, keeps this much; none is loaded then, if that was less. */
void chain_rows_spare(struct chain_rows *rows, size_t kept_size);

void chain_rows_release(struct chain_rows *rows);

#endif
