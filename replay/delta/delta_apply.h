/*
 * A delta into the target: one transaction, at whose end the target is in the new
 * state, verified, or as it was before.
 */
#ifndef REPLAY_DELTA_APPLY_H
#define REPLAY_DELTA_APPLY_H

#include "base/error.h"
#include "replay/delta/delta_check.h"
#include "replay/delta/delta_plan.h"
#include "replay/ledger/ledger.h"
#include "replay/load/outcome.h"
#include "replay/load/verify.h"
#include "watch/progress.h"

struct delta_apply {
    const struct plan_input *input;
    const struct plan *plan;
    struct delta_plan *delta;
    struct connection *connection; /* holds the lock */
    struct ledger *ledger;
    enum delta_check_policy on_drift;
    struct progress *progress;
    struct problems *problems;
    struct outcome *outcome;
};

/*
 * Fails with ERROR_REFUSED for drift (the rows are problems), ERROR_MISMATCH when the rows are not
 * the right ones afterwards; whatever the failure, the target is as it was before.
 */
MUST_CHECK bool delta_apply_run(const struct delta_apply *apply, struct error *err);

/*
 * All of it but verification and the values of sequences, and then rolls back. Fails as
 * delta_apply_run() would.
 */
MUST_CHECK bool delta_apply_rehearse(const struct delta_apply *apply, struct error *err);

#endif
