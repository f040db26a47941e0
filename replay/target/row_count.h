/* How many rows a table of the target has now. */
#ifndef REPLAY_ROW_COUNT_H
#define REPLAY_ROW_COUNT_H

#include "base/error.h"
#include "postgres/connection.h"
#include "replay/target/target_catalog.h"

#include <stdint.h>

/* Counts them, those of children included. Fails with ERROR_DATABASE. */
MUST_CHECK bool row_count_read(struct connection *connection, const struct target_table *table,
    int64_t *row_count, struct error *err);

#endif
