/*
 * Sequences, and where they stand.
 */
#ifndef REPLAY_TARGET_SEQUENCES_H
#define REPLAY_TARGET_SEQUENCES_H

#include "base/error.h"
#include "replay/target/target_read.h"

#include <stdbool.h>

/* Fills catalog->sequences; the tables are read already. Fails with ERROR_DATABASE. */
MUST_CHECK bool target_sequences_read(struct target_read *read, struct error *err);

#endif
