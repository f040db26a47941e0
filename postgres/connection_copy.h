/*
 * COPY in both directions.
 *
 * Between begin and release the connection can do nothing else.
 */
#ifndef POSTGRES_CONNECTION_COPY_H
#define POSTGRES_CONNECTION_COPY_H

#include "base/error.h"
#include "postgres/connection.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* COPY ... FROM STDIN. Release without commit makes the COPY fail, so no row arrives. */
struct connection_copy_in {
    struct connection *connection; /* borrowed; NULL: not open */
};

MUST_CHECK bool connection_copy_in_begin(struct connection_copy_in *copy,
    struct connection *connection, const char *sql, struct error *err);

/* Sends bytes, cut anywhere, and waits until the server takes them. */
MUST_CHECK bool connection_copy_in_put(
    struct connection_copy_in *copy, const void *bytes, size_t size, struct error *err);

/* Ends the data; the server's verdict on all of it comes here. row_count may be NULL. */
MUST_CHECK bool connection_copy_in_commit(
    struct connection_copy_in *copy, uint64_t *row_count, struct error *err);

void connection_copy_in_release(struct connection_copy_in *copy);

/* COPY ... TO STDOUT. Release before the end cancels the statement. */
struct connection_copy_out {
    struct connection *connection; /* borrowed; NULL: not open */
    char *row;                     /* owned by libpq */
};

MUST_CHECK bool connection_copy_out_begin(struct connection_copy_out *copy,
    struct connection *connection, const char *sql, struct error *err);

/*
 * Yields one message, which is one row (in BINARY the first one begins with the
 * file header, and the trailer is a message of its own). Borrowed until the next
 * call; *bytes is NULL at the end.
 */
MUST_CHECK bool connection_copy_out_next(
    struct connection_copy_out *copy, const uint8_t **bytes, size_t *size, struct error *err);

void connection_copy_out_release(struct connection_copy_out *copy);

#endif
