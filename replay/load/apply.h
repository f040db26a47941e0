/*
 * The replay itself: take down, then load, derive, bring back, finish and verify
 * table by table, as soon as each can, then done. Every transaction leaves in the
 * ledger what the next run needs to go on.
 */
#ifndef REPLAY_APPLY_H
#define REPLAY_APPLY_H

#include "base/error.h"
#include "replay/ledger/ledger.h"
#include "replay/load/outcome.h"
#include "replay/load/workers.h"
#include "replay/plan/plan.h"
#include "watch/progress.h"

struct apply {
    const struct plan_input *input;
    const struct plan *plan;
    const char *dump;              /* name of the file */
    struct connection *connection; /* holds the lock */
    struct ledger *ledger;
    bool forgets_state; /* no table is taken as the last replay left it */
    bool is_staging;    /* the target is, and stays, for staging */
    struct workers *workers;
    struct progress *progress;
    struct problems *problems; /* notes are added, and differences */
    struct outcome *outcome;
};

/*
 * Begins, or goes on where the ledger says. On failure the target is as it was before, unless the
 * work can go on later (stopped, connection lost) or the rows differ (ERROR_MISMATCH); the error
 * says which.
 */
MUST_CHECK bool apply_run(const struct apply *apply, struct error *err);

/*
 * What apply_run() would be refused after the checks: takes everything down and rolls back, but
 * copies no rows; of a replay that would go on, looks at its parts. Fails as apply_run() would.
 */
MUST_CHECK bool apply_rehearse(const struct apply *apply, struct error *err);

#endif
