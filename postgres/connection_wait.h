/*
 * Waiting for the server without becoming deaf to stop_request().
 *
 * What connection*.c share: sockets, results, and errors made of them. Nobody
 * else includes this.
 */
#ifndef POSTGRES_CONNECTION_WAIT_H
#define POSTGRES_CONNECTION_WAIT_H

#include "base/error.h"
#include "postgres/connection.h"

#include <libpq-fe.h>
#include <stdbool.h>

/* Before a statement: fails with ERROR_STOPPED when stopping was requested. */
MUST_CHECK bool connection_wait_start(struct connection *connection, struct error *err);

/*
 * Sleeps until the socket is ready for the poll() events, and takes in what has
 * arrived. Fails with ERROR_STOPPED (also at once, when stopping was requested
 * before) or ERROR_DATABASE.
 */
MUST_CHECK bool connection_wait_socket(
    struct connection *connection, short events, struct error *err);

/* Sends what is buffered. Fails as connection_wait_socket(). */
MUST_CHECK bool connection_wait_flush(struct connection *connection, struct error *err);

/*
 * Yields the next result of the running statement, NULL at its end; the caller frees it. When
 * stopping is requested it cancels the statement and goes on, so that the session stays usable;
 * the cancelled statement's result is an error.
 */
MUST_CHECK bool connection_wait_result(
    struct connection *connection, PGresult **result, struct error *err);

/*
 * Consumes all results of the running statement. Fails with the first error among them. *last may
 * be NULL, else it receives the last result, which the caller frees also on failure.
 */
MUST_CHECK bool connection_wait_end(
    struct connection *connection, PGresult **last, struct error *err);

/* Consumes what is left of the running statement, whatever it is, also when stopping. */
void connection_wait_drain(struct connection *connection);

/* Asks the server to cancel the running statement. */
void connection_wait_cancel(struct connection *connection);

/* Records what the server said in a failed result, or what libpq says. Always returns false. */
bool connection_wait_failed(
    struct connection *connection, const PGresult *result, struct error *err);

#endif
