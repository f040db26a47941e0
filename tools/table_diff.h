/*
 * What differs between the rows of a table in two chains, as multisets.
 *
 * Units with the same rows are recognised by their sums and not read. The rows
 * of the others are compared by their hashes, so many at a time that memory is
 * bounded.
 */
#ifndef TOOLS_TABLE_DIFF_H
#define TOOLS_TABLE_DIFF_H

#include "base/error.h"
#include "format/chain.h"
#include "format/value.h"

#include <stdbool.h>
#include <stdint.h>

/* Takes a row that is in one side only (is_removed: in the old one); values are borrowed. */
typedef bool (*table_diff_row)(
    void *context, bool is_removed, const struct value *values, struct error *err);

/* The table of one side. */
struct table_diff_side {
    const struct chain *chain; /* NULL: this side has no such table */
    uint32_t ordinal;
};

struct table_diff {
    struct table_diff_side old;
    struct table_diff_side new;
    table_diff_row take; /* NULL: rows are counted only */
    void *context;       /* of take */
    uint64_t removed_count;
    uint64_t added_count;
};

/*
 * Counts, and hands over, first the rows that were removed, then those that were
 * added (in parts, if they are many). Two tables with other columns have no row
 * in common. Fails with ERROR_REFUSED when a side has the table in deltas only,
 * with ERROR_CORRUPT, ERROR_IO, ERROR_STOPPED and as take does.
 */
MUST_CHECK bool table_diff_run(struct table_diff *diff, struct error *err);

#endif
