/* The profile's facts, which must agree on both sides, and its requirements. */
#ifndef REPLAY_PREFLIGHT_FACTS_H
#define REPLAY_PREFLIGHT_FACTS_H

#include "base/error.h"
#include "replay/preflight/preflight.h"

/* Adds problems; fails only when looking is impossible. */
MUST_CHECK bool preflight_facts(const struct preflight *preflight, struct error *err);

#endif
