/*
 * The order in which a replay's work can be done, table by table.
 *
 * Each table that is written goes through the same moments: loaded, indexed,
 * checked, ready. A moment is a gate of the schedule; whoever adds work puts it
 * between two of them. The work of one table does not wait for that of others,
 * but where it says so below.
 *
 *     COPY, derive -> loaded -> CREATE INDEX -> indexed -> ANALYZE -> checked
 *     filled (all are loaded) -> verification, in one snapshot -> checked
 *     checked -> constraints that use the indexes -> ready -> foreign keys of ready tables
 *     referenced (all foreign keys are there) -> triggers
 *
 * ANALYZE and the verification lock a table against the constraints, and so come before these.
 */
#ifndef REPLAY_STAGES_H
#define REPLAY_STAGES_H

#include "replay/ledger/ledger.h"
#include "replay/load/schedule.h"
#include "replay/plan/plan.h"

#include <stddef.h>

/* Costs of tasks in bytes loaded by COPY, as measured; only their order of magnitude matters. */
#define STAGES_COST_OF_INDEXED_ROW 128
#define STAGES_COST_OF_CHECKED_ROW 64 /* by a foreign key */
#define STAGES_COST_OF_ANALYSED_ROW 512
#define STAGES_ANALYSED_ROW_COUNT_MAX 30000 /* that ANALYZE looks at */
#define STAGES_READ_PER_COST 4              /* bytes read back for each one loaded */

/* A table's moments: numbers of gates. */
struct stages_table {
    const char *schema;
    const char *name;
    const struct plan_table *table; /* NULL: not written, but something of it was taken down */
    size_t loaded;
    size_t indexed;
    size_t checked;
    size_t ready;
};

/* Zero-initialise. */
struct stages {
    struct schedule schedule;
    struct stages_table *tables; /* owned: those that are written first, in the plan's order */
    size_t table_count;
    size_t copied;     /* all rows of COPY are there */
    size_t filled;     /* and the derived ones; verification waits for `snapshot` */
    size_t snapshot;   /* what is to be done at that moment is done */
    size_t indexed;    /* all indexes are there */
    size_t ready;      /* all tables are */
    size_t referenced; /* all foreign keys are there */
};

/* Makes all gates. */
void stages_make(struct stages *stages, const struct plan *plan, const struct ledger *ledger,
    struct progress *progress);

void stages_release(struct stages *stages);

/* The moments of a table of the target. NULL: it is not written, and nothing of it was saved. */
const struct stages_table *stages_find(
    const struct stages *stages, const char *schema, const char *name);

/* The same of a table that has them. */
const struct stages_table *stages_get(
    const struct stages *stages, const char *schema, const char *name);

const struct stages_table *stages_of(const struct stages *stages, const struct plan_table *table);

#endif
