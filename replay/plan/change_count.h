/*
 * How much of what was replayed is not as it was in the dump, by policy.
 */
#ifndef REPLAY_CHANGE_COUNT_H
#define REPLAY_CHANGE_COUNT_H

#include "base/error.h"
#include "replay/plan/plan.h"

#include <stdint.h>

/* Zero-initialise. */
struct change_count {
    uint64_t rejected; /* rows */
    uint64_t replaced; /* values */
};

/* Adds what a replay of this plan left out and changed. */
void change_count_add(struct change_count *changes, const struct plan *plan);

/* Fails with ERROR_REJECTED, though all is done, when not every row is as it was. */
MUST_CHECK bool change_count_tell(const struct change_count *changes, struct error *err);

#endif
