/*
 * How many sessions a replay works with, and how each is set up.
 */
#ifndef REPLAY_WORKER_COUNT_H
#define REPLAY_WORKER_COUNT_H

#include "base/error.h"
#include "postgres/connection.h"
#include "replay/load/workers.h"
#include "replay/target/target_catalog.h"

#include <stddef.h>

/* As many as wanted (0: as there are processors, at most 4), as far as the configuration (0: it
   says nothing) and the server let them. */
size_t worker_count_choose(size_t wanted, int configured_max, const struct target_server *server);

/* Opens them. Fails as workers_open(). */
MUST_CHECK bool worker_count_open(struct workers *workers, const struct connection_target *target,
    size_t count, struct error *err);

#endif
