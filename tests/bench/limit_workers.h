/*
 * Tasks done on several connections to PostgreSQL at once.
 *
 * The server is found by libpq's environment variables. Each connection takes the
 * next task when it has done one; the first failure stops all.
 */
#ifndef BENCH_LIMIT_WORKERS_H
#define BENCH_LIMIT_WORKERS_H

#include "base/error.h"

#include <libpq-fe.h>
#include <stddef.h>

/* Does task number `task`; context is shared by all connections. */
typedef bool (*limit_workers_task)(
    PGconn *connection, void *context, size_t task, struct error *err);

/* Does tasks 0 to task_count - 1 in about this order. Fails as a task does. */
MUST_CHECK bool limit_workers_run(size_t connection_count, size_t task_count,
    limit_workers_task run, void *context, struct error *err);

/* Runs a command that yields no rows. Fails with ERROR_DATABASE. */
MUST_CHECK bool limit_workers_command(PGconn *connection, const char *sql, struct error *err);

/* Fails with what the connection says about its last error. Always returns false. */
bool limit_workers_fail(PGconn *connection, const char *sql, struct error *err);

/* Reads a number of connections from 1 to 64; 0 is none. */
size_t limit_workers_parse(const char *text);

#endif
