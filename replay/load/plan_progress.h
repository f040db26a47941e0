/* What a replay has before it, told to its progress: table by table, phase by phase. */
#ifndef REPLAY_PLAN_PROGRESS_H
#define REPLAY_PLAN_PROGRESS_H

#include "replay/ledger/ledger.h"
#include "replay/load/verify.h"
#include "replay/plan/plan.h"
#include "watch/progress.h"

/* Begins anew with the tables of the plan, in its order. */
void plan_progress_begin(struct progress *progress, const struct plan *plan);

/* The same, and the phases of a full replay. */
void plan_progress_make(
    struct progress *progress, const struct plan *plan, enum verify_level level);

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
