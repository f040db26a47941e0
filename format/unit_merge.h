/*
 * The rows of one unit of a chain, put together again: in canonical form, as what
 * new blocks are made of.
 *
 * A unit of one chunk ends with the row that the chunk ends with (SPEC 8.2), so
 * that it is one chunk again. It comes in one run if it fits one block, as every
 * chunk does that was cut by those rules; else in several. Memory: one run, and
 * that of chain_rows.
 */
#ifndef FORMAT_UNIT_MERGE_H
#define FORMAT_UNIT_MERGE_H

#include "base/byte_buffer.h"
#include "base/error.h"
#include "format/chain.h"
#include "format/chain_rows.h"

#include <stdbool.h>
#include <stdint.h>

/* Zero-initialise. */
struct unit_merge {
    struct byte_buffer bytes; /* the run: canonical rows, one after the other */
    uint32_t row_count;       /* its rows */
    struct hash128 sum;       /* of their hashes */
    uint64_t cut;             /* low half of the last row's hash */

    /* Scratch. */
    struct chain_rows rows;
    const struct chunk *chunk; /* borrowed */
    struct byte_buffer held;   /* the row that is to be the last one */
    struct hash128 held_hash;
    bool is_held;
    struct byte_buffer
        spilled; /* the first row of the next run, which would be too large for this one */
    struct hash128 spilled_hash;
};

/*
 * Begins with a unit of one chunk; the table must outlive the use of it. Fails with ERROR_CORRUPT,
 * ERROR_IO.
 */
MUST_CHECK bool unit_merge_open(
    struct unit_merge *merge, const struct chain_table *table, uint32_t unit, struct error *err);

/*
 * Replaces the run by the next one, which has no rows if there are none. *is_last: no other run
 * follows. Fails with ERROR_CORRUPT, ERROR_IO.
 */
MUST_CHECK bool unit_merge_next(struct unit_merge *merge, bool *is_last, struct error *err);

/* Gives back what each buffer has above kept_size bytes. */
void unit_merge_trim(struct unit_merge *merge, size_t kept_size);

void unit_merge_release(struct unit_merge *merge);

#endif
