/*
 * Rows of the dump into the target's tables, on all connections at once.
 *
 * A table is cut into parts of some 64 MiB; the same dump always gives the same
 * parts. A transaction loads one part, or many small tables whole, and records
 * that in the ledger: after a kill, what is recorded is not loaded again.
 */
#ifndef REPLAY_LOADER_H
#define REPLAY_LOADER_H

#include "base/error.h"
#include "replay/ledger.h"
#include "replay/plan.h"
#include "replay/source_rows.h"
#include "replay/workers.h"
#include "watch/progress_task.h"

#include <stdint.h>

#define LOADER_PART_SIZE ((uint64_t)64 << 20) /* raw bytes */

/* What loading works with; all borrowed. */
struct loader {
    const struct dump_reader *reader;
    const struct plan *plan;
    const struct ledger *ledger;
    struct workers *workers;
    struct progress *progress;
};

/* Loads every part of every table to load that the ledger does not have. */
MUST_CHECK bool loader_run(const struct loader *loader, struct error *err);

/* COPYs blocks of the dump; shared with derived tables. */
struct loader_copy {
    const struct dump_reader *reader;
    struct connection *connection;
    uint32_t source; /* ordinal */
    size_t first_block;
    size_t block_count;
    enum source_rows_part part;
    const struct copy_column *columns;
    size_t column_count;
    const char *target;            /* the quoted name of a table */
    const struct rejects *rejects; /* rows to leave out; NULL: none */
    struct progress_task *task;    /* told of rows; NULL: nobody */
    uint64_t row_count;            /* result */
    struct hash128 sum;            /* result */
};

MUST_CHECK bool loader_copy(struct loader_copy *copy, struct error *err);

/* Keeps the rejected rows of these blocks, in the transaction that loads the others. */
MUST_CHECK bool loader_keep_rejects(const struct loader *loader, const struct plan_table *table,
    const struct loader_copy *copy, struct error *err);

#endif
