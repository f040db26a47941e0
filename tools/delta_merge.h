/*
 * One table of several deltas, merged: how the units of the newest state are made
 * from those before the first delta, and which blocks have a part in each.
 *
 * Only for tables that no delta of the chain holds whole.
 */
#ifndef TOOLS_DELTA_MERGE_H
#define TOOLS_DELTA_MERGE_H

#include "base/byte_buffer.h"
#include "base/error.h"
#include "format/chain.h"
#include "format/units.h"

#include <stdbool.h>
#include <stdint.h>

/* A delta of the chain that patches the table. */
struct delta_merge_link {
    size_t dump; /* index in chain->dumps */
    size_t first_block;
    size_t block_count;
    struct units units; /* as that delta has them */
};

/* Zero-initialise. */
struct delta_merge {
    struct delta_merge_link *links; /* owned, oldest first; none: nothing changes */
    size_t link_count;
    bool is_loose; /* a delta was made against another dump of the same state: one unit of all */
    struct units loose; /* that unit */
};

/* Reads the UNITS blocks of a table. Fails with ERROR_CORRUPT, ERROR_IO. */
MUST_CHECK bool delta_merge_open(struct delta_merge *merge, const struct chain_table *table,
    struct dump_buffer *buffer, struct error *err);

void delta_merge_release(struct delta_merge *merge);

/* Units of the newest state. */
uint32_t delta_merge_unit_count(const struct delta_merge *merge);

/* The units before the first delta that a unit is made from, and (appended to blocks, as struct
 * chain_block) the blocks that change it, oldest first. */
uint32_t delta_merge_sources(
    const struct delta_merge *merge, uint32_t unit, struct byte_buffer *blocks);

/* The chunks of a unit; *count is 0 when they are those of its one source. */
const struct chunk *delta_merge_chunks(
    const struct delta_merge *merge, uint32_t unit, uint32_t *count);

#endif
