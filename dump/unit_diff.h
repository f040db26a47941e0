/*
 * What changed between units of the old state and new rows: the rows removed and
 * the rows added, as multisets. Memory: these rows, one block of the old state,
 * and 40 bytes for each row of the units.
 */
#ifndef DUMP_UNIT_DIFF_H
#define DUMP_UNIT_DIFF_H

#include "base/byte_buffer.h"
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
    struct hash128 last_hash; /* of the last row in rows */

    /* Scratch. */
    struct row_counts counts;
    struct byte_buffer added;
    struct chain_rows old;
    struct value *values;
    uint32_t column_count;
};

void unit_diff_release(struct unit_diff *diff);

/* Compares the two sides. Fails with ERROR_CORRUPT or ERROR_IO. */
MUST_CHECK bool unit_diff_run(
    struct unit_diff *diff, const struct unit_diff_input *input, struct error *err);

#endif
