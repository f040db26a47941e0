/*
 * Several sessions at work on one list of tasks.
 *
 * workers_run() gives out the tasks in order, one at a time to each worker, and
 * returns when all are done or one has failed: the others then finish the task
 * that they are at. Each worker has one connection for its whole life.
 */
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

/* What a worker is given. */
struct workers_turn {
    struct connection *connection;
    size_t worker; /* 0 to count - 1 */
    size_t task;
};

/* Does one task; called by several threads at a time. */
typedef bool workers_do(void *context, const struct workers_turn *turn, struct error *err);

/* Opens `count` sessions and executes setup (SQL) in each. */
MUST_CHECK bool workers_open(struct workers *workers, const struct connection_target *target,
    size_t count, const char *setup, struct error *err);

void workers_release(struct workers *workers);

/* Ends the sessions and waits until the server, asked by `observer`, has forgotten them. */
MUST_CHECK bool workers_close(
    struct workers *workers, struct connection *observer, struct error *err);

/* Fails as the first task that failed did, or with ERROR_STOPPED. */
MUST_CHECK bool workers_run(
    struct workers *workers, size_t task_count, workers_do *work, void *context, struct error *err);

#endif
