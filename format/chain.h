/*
 * A chain: a full dump and the deltas that follow it, taken as one state; or
 * deltas alone, each starting where the one before it ends.
 *
 * Links are checked by state when the chain is opened, and deltas that change
 * nothing are left out; the units of a table are resolved, and checked by sums,
 * when they are asked for.
 */
#ifndef FORMAT_CHAIN_H
#define FORMAT_CHAIN_H

#include "base/error.h"
#include "format/dump_reader.h"
#include "format/units.h"

#include <stddef.h>
#include <stdint.h>

struct chain {
    struct dump_reader *dumps; /* owned, oldest first */
    size_t dump_count;
};

/*
 * Opens the dumps of paths[0 .. count), oldest first. Fails as dump_reader_open()
 * does, and with ERROR_REFUSED, naming both states, when one does not follow.
 */
MUST_CHECK bool chain_open(
    struct chain *chain, const char *const *paths, size_t count, struct error *err);

void chain_release(struct chain *chain);

/*
 * The newest dump: its schema and table ends describe the chain's state (unless
 * it is a chain of one delta that changes nothing).
 */
const struct dump_reader *chain_last(const struct chain *chain);

/* True if the chain begins with a full dump. */
bool chain_is_full(const struct chain *chain);

/* A table through the chain: from the dump that last held it whole. Zero-initialise. */
struct chain_table {
    const struct chain *chain;
    size_t first_dump;   /* of the link that holds it whole (or the first delta) */
    size_t link_count;   /* links from there to the end */
    uint32_t *ordinals;  /* owned: the table's ordinal in each of these dumps */
    struct units *links; /* owned: its units after each of these dumps */
    bool is_whole;       /* false: deltas alone, and none holds it whole */
    bool is_loose;       /* a delta was made against another dump of the same state, cut elsewhere:
                            its units do not fit, and all is one; right, but no base for deltas */
};

/*
 * Follows the table of that ordinal in the newest dump.
 * Fails with ERROR_CORRUPT when units and sums do not add up, ERROR_IO.
 */
MUST_CHECK bool chain_table_open(struct chain_table *out, const struct chain *chain,
    uint32_t ordinal, struct dump_buffer *buffer, struct error *err);

void chain_table_release(struct chain_table *table);

/* Its units in the chain's state. */
const struct units *chain_table_units(const struct chain_table *table);

/* The number of the UNITS block that a dump has of a table; false if it has none. */
bool chain_find_units(const struct dump_reader *dump, uint32_t ordinal, size_t *number);

/* One ROWS block that has a part in a unit. */
struct chain_block {
    size_t dump;   /* index in chain->dumps */
    size_t number; /* of the block in that dump */
};

/*
 * Appends (struct chain_block) to out every block that the rows of units
 * [first, first + count) are made of: their rows are all rows of these blocks
 * that are not removed ones, less all removed ones, as multisets.
 */
void chain_table_blocks(
    const struct chain_table *table, uint32_t first, uint32_t count, struct byte_buffer *out);

#endif
