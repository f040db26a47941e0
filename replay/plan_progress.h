/* What a replay has before it, told to its progress: table by table, phase by phase. */
#ifndef REPLAY_PLAN_PROGRESS_H
#define REPLAY_PLAN_PROGRESS_H

#include "replay/delta_plan.h"
#include "replay/ledger.h"
#include "replay/plan.h"
#include "replay/verify.h"
#include "watch/progress.h"

/* Adds all tables of the plan, in its order, and the phases of a full replay. */
void plan_progress_make(
    struct progress *progress, const struct plan *plan, enum verify_level level);

/* Adds all tables of the plan, and the phases of a delta. */
void plan_progress_make_delta(struct progress *progress, const struct plan *plan,
    const struct delta_plan *delta, enum verify_level level);

/* Adds what was taken down and has to come back. */
void plan_progress_add_objects(
    struct progress *progress, const struct plan *plan, const struct ledger *ledger);

/* The progress's number of a table of the plan. */
uint32_t plan_progress_number(const struct plan *plan, const struct plan_table *table);

/* The same by the name that the table has in the target; PROGRESS_NO_TABLE: it is not there. */
uint32_t plan_progress_find(const struct plan *plan, const char *target);

/* The bytes of so many rows of the table, on average. */
uint64_t plan_progress_size(const struct plan_table *table, uint64_t row_count);

#endif
