/*
 * Tables with their columns and triggers.
 */
#ifndef REPLAY_TARGET_TABLES_H
#define REPLAY_TARGET_TABLES_H

#include "base/error.h"
#include "replay/target/target_read.h"

#include <stdbool.h>

/* Fills catalog->tables but for indexes and constraints. Fails with ERROR_DATABASE. */
MUST_CHECK bool target_tables_read(struct target_read *read, struct error *err);

#endif
