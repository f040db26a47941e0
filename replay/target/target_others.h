/*
 * What stands where a table is looked for: relations of the schema that are none, and tables of
 * other schemas.
 */
#ifndef REPLAY_TARGET_OTHERS_H
#define REPLAY_TARGET_OTHERS_H

#include "base/error.h"
#include "replay/target/target_read.h"

#include <stdbool.h>

/* Fills catalog->others. Fails with ERROR_DATABASE. */
MUST_CHECK bool target_others_read(struct target_read *read, struct error *err);

/* "a view", ... */
const char *target_others_kind(const struct target_other *other);

#endif
