/*
 * Rows that break a unique key or a foreign key, where the policy is "reject".
 *
 * Of rows with equal keys the first one stays. A row that refers to one that is
 * missing or was rejected itself is rejected too, and so on. Only asked for, as
 * every row of the tables concerned has to be read.
 */
#ifndef REPLAY_KEY_REJECTS_H
#define REPLAY_KEY_REJECTS_H

#include "base/error.h"
#include "replay/preflight.h"

/* Adds to the plan's rejects, after those of values are known. */
MUST_CHECK bool key_rejects_find(const struct preflight *preflight, struct error *err);

#endif
