/*
 * One table of a delta: its batches are matched with the units of the base as they
 * come, and become changes in the pipeline, or nothing where nothing changed.
 */
#ifndef DUMP_DELTA_TABLE_H
#define DUMP_DELTA_TABLE_H

#include "base/error.h"
#include "dump/alignment.h"
#include "dump/pipeline.h"
#include "format/chain.h"
#include "format/units.h"

#include <stdbool.h>
#include <stdint.h>

/* Zero-initialise. */
struct delta_table {
    struct pipeline *pipeline; /* borrowed */
    uint32_t table;            /* ordinal in the new schema */
    struct chain_table *old;   /* owned; NULL: the base has no such table with these columns */
    struct alignment *alignment;
    struct units units; /* of the new state */
    struct row_batch *held[ALIGNMENT_PENDING_MAX];
    uint32_t held_count;
    bool has_blocks;
};

void delta_table_release(struct delta_table *delta);

/*
 * Begins with the table of that ordinal in `schema`; chain is the base, buffer
 * scratch. Fails with ERROR_CORRUPT or ERROR_IO when the base cannot be read.
 */
MUST_CHECK bool delta_table_begin(struct delta_table *delta, const struct chain *chain,
    const struct schema *schema, uint32_t table, struct dump_buffer *buffer, struct error *err);

/* Takes over the next batch of the scan. Fails as the pipeline does. */
MUST_CHECK bool delta_table_add(
    struct delta_table *delta, struct row_batch *batch, struct error *err);

/*
 * There are no more batches; `end` has the table's row_count and sum. Decides what
 * is left, fills in end->change and ends the table in the pipeline.
 */
MUST_CHECK bool delta_table_end(
    struct delta_table *delta, const struct table_end *end, struct error *err);

#endif
