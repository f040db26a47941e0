/* Values that the target cannot hold, by column, with an example of each. */
#ifndef REPLAY_PREFLIGHT_VALUES_H
#define REPLAY_PREFLIGHT_VALUES_H

#include "base/error.h"
#include "replay/preflight/preflight.h"

/* Adds problems; fails only when looking is impossible. */
MUST_CHECK bool preflight_values(const struct preflight *preflight, struct error *err);

#endif
