/*
 * Rows that would break a unique key or a foreign key.
 *
 * Under "reject": of rows with equal keys the first one stays; a row that refers
 * to one that is missing, or was rejected itself, is rejected, and so on until
 * nothing more is found. Suspicions come from key_runs.h, in bounded memory; the
 * rows of the tables concerned are then read again.
 */
#ifndef REPLAY_PREFLIGHT_KEYS_H
#define REPLAY_PREFLIGHT_KEYS_H

#include "base/error.h"
#include "replay/preflight/preflight.h"

/* Adds problems and rejects; after those of values are known. */
MUST_CHECK bool preflight_keys(const struct preflight *preflight, struct error *err);

#endif
