/*
 * Derived tables after a delta: the entries of changed source rows go, by the
 * identity that the profile names, and are derived anew from the added ones.
 */
#ifndef REPLAY_DELTA_DERIVE_H
#define REPLAY_DELTA_DERIVE_H

#include "base/error.h"
#include "postgres/connection.h"
#include "replay/delta/delta_plan.h"
#include "replay/plan/problems.h"

/* Before the other tables change. */
MUST_CHECK bool delta_derive_remove(
    const struct delta_derived *derived, struct connection *connection, struct error *err);

/* After they did. What the statement left out is noted in `problems`. */
MUST_CHECK bool delta_derive_add(const struct delta_derived *derived, struct connection *connection,
    struct problems *problems, struct error *err);

#endif
