/*
 * Indexes and constraints.
 */
#ifndef REPLAY_TARGET_KEYS_H
#define REPLAY_TARGET_KEYS_H

#include "base/error.h"
#include "replay/target/target_read.h"

#include <stdbool.h>

/* Fills the indexes, constraints and foreign references of tables that are read already. */
MUST_CHECK bool target_keys_read(struct target_read *read, struct error *err);

#endif
