/* Defaults that the target computes by functions of its own: do they work for a replay? */
#ifndef REPLAY_PREFLIGHT_DEFAULTS_H
#define REPLAY_PREFLIGHT_DEFAULTS_H

#include "replay/preflight/preflight.h"

/* Computes each once, in a transaction that is rolled back. */
MUST_CHECK bool preflight_defaults(const struct preflight *preflight, struct error *err);

#endif
