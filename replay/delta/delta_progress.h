/* What a delta has before it, told to the progress of a replay. */
#ifndef REPLAY_DELTA_PROGRESS_H
#define REPLAY_DELTA_PROGRESS_H

#include "replay/delta/delta_plan.h"
#include "replay/load/verify.h"
#include "replay/plan/plan.h"
#include "watch/progress.h"

/* Begins anew with all tables of the plan, in its order, and the phases of a delta. */
void delta_progress_make(struct progress *progress, const struct plan *plan,
    const struct delta_plan *delta, enum verify_level level);

#endif
