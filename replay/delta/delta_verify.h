/*
 * Proof, before anything is committed, that the target holds what the ledger says
 * it holds after the delta.
 */
#ifndef REPLAY_DELTA_VERIFY_H
#define REPLAY_DELTA_VERIFY_H

#include "base/error.h"
#include "postgres/connection.h"
#include "replay/delta/delta_plan.h"
#include "replay/ledger/ledger.h"
#include "replay/load/verify.h"
#include "watch/progress.h"

struct delta_verify {
    const struct plan *plan;
    const struct delta_plan *delta;
    const struct ledger *ledger; /* with the delta recorded, or forgotten */
    struct connection *connection;
    enum verify_level level;
    struct problems *problems;
    struct progress *progress;
};

/* Differences are problems. Fails only when comparing is impossible. */
MUST_CHECK bool delta_verify_run(
    const struct delta_verify *verify, struct verify_result *result, struct error *err);

#endif
