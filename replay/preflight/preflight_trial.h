/*
 * Rows that the server would refuse for reasons of its own: CHECK and EXCLUDE
 * constraints, domains, indexes of expressions, computed columns, texts of types
 * that it alone reads, rows too large for an index.
 */
#ifndef REPLAY_PREFLIGHT_TRIAL_H
#define REPLAY_PREFLIGHT_TRIAL_H

#include "base/error.h"
#include "replay/preflight/preflight.h"

/* May the user stage rows in temporary tables? If not, that is a problem. */
bool preflight_trial_may_stage(const struct preflight *preflight);

/* Adds problems and rejects; after those of values are known. The target is not changed. */
MUST_CHECK bool preflight_trial(const struct preflight *preflight, struct error *err);

/* Foreign keys that preflight_keys() leaves to the server. *any: there are some. */
MUST_CHECK bool preflight_trial_foreign(
    const struct preflight *preflight, bool *any, struct error *err);

#endif
