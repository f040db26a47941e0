/*
 * What changed between units of the old state and new rows: the rows removed and
 * the rows added, as multisets.
 *
 * Most rows are on both sides, in the same order; so both are walked side by side, and only rows
 * that do not meet are counted against each other. Memory: the rows that differ and 80 bytes for
 * each of them, one block of the old state, and a window of new rows' hashes.
 */
#ifndef DUMP_UNIT_DIFF_H
#define DUMP_UNIT_DIFF_H

#include "base/byte_buffer.h"
#include "base/byte_reader.h"
#include "base/error.h"
#include "format/chain.h"
#include "format/chain_rows.h"
#include "format/row_counts.h"

#include <stddef.h>
#include <stdint.h>

/* Rows in canonical form, one after the other; borrowed. */
struct canonical_rows {
    const uint8_t *bytes;
    size_t size;
    uint32_t row_count;
    uint64_t cut; /* low half of the last row's hash */
};

/* Units [source_first, source_first + source_count) of the old table, and the rows they became. */
struct unit_diff_input {
    const struct chain_table *old;
    uint32_t source_first;
    uint32_t source_count;
    const struct canonical_rows *rows;
    size_t rows_count; /* of these runs of rows */
    uint32_t column_count;
};

/* One for each thread; the result is valid until the next run. Zero-initialise. */
struct unit_diff {
    struct byte_buffer rows; /* the removed ones, then the added ones */
    size_t added_offset;     /* where in rows the added ones begin */
    uint32_t row_count;
    uint32_t removed_count;
    uint64_t cut; /* low half of the hash of the last row in rows */

    /* Scratch. */
    const struct unit_diff_input *input; /* borrowed for the call */
    struct byte_reader reader;           /* of the new rows that are not in the window yet */
    size_t next_run;                     /* of new rows */
    struct byte_buffer window;           /* marks of new rows, in order */
    size_t window_first;                 /* of them: those before have been dealt with */
    struct byte_buffer old_bytes;        /* old rows that did not meet a new one */
    struct byte_buffer old_left;         /* their marks */
    struct byte_buffer new_left;         /* marks of new rows that did not meet an old one */
    struct row_counts counts;
    struct chain_rows old;
    struct value *values;
    uint32_t column_count;
};

void unit_diff_release(struct unit_diff *diff);

/* Compares the two sides. Fails with ERROR_CORRUPT or ERROR_IO. */
MUST_CHECK bool unit_diff_run(
    struct unit_diff *diff, const struct unit_diff_input *input, struct error *err);

#endif
