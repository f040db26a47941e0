/*
 * Rows of the dump into the target's tables, on all connections at once.
 *
 * A table is cut into parts of 16 to 64 MiB; the same dump always gives the same
 * parts. A transaction loads one part, or many small tables whole, and records
 * that in the ledger: after a kill, what is recorded is not loaded again.
 */
#ifndef REPLAY_LOADER_H
#define REPLAY_LOADER_H

#include "base/error.h"
#include "replay/ledger/ledger.h"
#include "replay/load/stages.h"
#include "replay/plan/plan.h"
#include "replay/values/source_rows.h"
#include "watch/progress.h"
#include "watch/progress_task.h"

#include <stdint.h>

/* What loading works with; all borrowed. */
struct loader {
    const struct dump_reader *reader;
    const struct plan *plan;
    const struct ledger *ledger;
    struct stages *stages;
    struct progress *progress;
    int version_num; /* the server's */
};

/* The work of loading. Zero-initialise. */
struct loading {
    const struct loader *loader;
    struct loading_piece *pieces; /* owned */
    size_t piece_count;
    struct loading_task *tasks; /* owned */
    size_t task_count;
};

/* Adds to the stages every part of every table to load that the ledger does not have. */
void loader_plan(struct loading *loading, const struct loader *loader);

void loading_release(struct loading *loading);

/*
 * Before going on: are the parts that the ledger has those that the tables are cut into now? Fails
 * with ERROR_REFUSED. Of the loader it needs what is read, planned and recorded.
 */
MUST_CHECK bool loader_check_parts(const struct loader *loader, struct error *err);

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
