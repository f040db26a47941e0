/* Tables whose rows are on other servers: Citus's distributed and reference tables. */
#ifndef REPLAY_TARGET_DISTRIBUTION_H
#define REPLAY_TARGET_DISTRIBUTION_H

#include "base/error.h"
#include "replay/target/target_read.h"

/* Marks those of the schema. Tables must have been read. */
MUST_CHECK bool target_distribution_read(struct target_read *read, struct error *err);

#endif
