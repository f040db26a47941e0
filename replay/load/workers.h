/* The sessions that work side by side. */
#ifndef REPLAY_WORKERS_H
#define REPLAY_WORKERS_H

#include "base/error.h"
#include "postgres/connection.h"

#include <stdbool.h>
#include <stddef.h>

/* Zero-initialise. */
struct workers {
    struct connection *connections; /* owned */
    size_t count;
};

/* Opens `count` sessions and executes setup (SQL) in each. */
MUST_CHECK bool workers_open(struct workers *workers, const struct connection_target *target,
    size_t count, const char *setup, struct error *err);

void workers_release(struct workers *workers);

/* Ends the sessions and waits until the server, asked by `observer`, has forgotten them. */
MUST_CHECK bool workers_close(
    struct workers *workers, struct connection *observer, struct error *err);

#endif
