/*
 * Several dumps as a chain: a table of what each adds, and whether each starts
 * where the one before it ends.
 */
#ifndef TOOLS_CHAIN_REPORT_H
#define TOOLS_CHAIN_REPORT_H

#include "base/byte_buffer.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Appends the table (or one JSON document) of the dumps of paths[0 .. count), oldest first, reading
 * schemas and indexes only. Fails as dump_reader_open() does. A gap does not fail; *first_gap is
 * the number of the first dump that does not follow, or 0.
 */
MUST_CHECK bool chain_report_put(struct byte_buffer *out, const char *const *paths, size_t count,
    bool as_json, size_t *first_gap, struct error *err);

/*
 * Checks that the dumps are a chain: by state, and that in every table what the
 * deltas change leads from each state to the next. Appends one line. Fails with
 * ERROR_REFUSED for a gap, ERROR_CORRUPT for sums that do not add up, ERROR_IO.
 */
MUST_CHECK bool chain_report_check(
    struct byte_buffer *out, const char *const *paths, size_t count, struct error *err);

#endif
