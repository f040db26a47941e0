/*
 * A transaction as something one owns.
 */
#ifndef POSTGRES_CONNECTION_TRANSACTION_H
#define POSTGRES_CONNECTION_TRANSACTION_H

#include "base/error.h"
#include "postgres/connection.h"

#include <stdbool.h>

/* Release rolls back what was not committed. Zero-initialise. */
struct connection_transaction {
    struct connection *connection; /* borrowed; NULL: not open */
};

/* options follow BEGIN ("ISOLATION LEVEL REPEATABLE READ"); NULL: none. */
MUST_CHECK bool connection_transaction_begin(struct connection_transaction *transaction,
    struct connection *connection, const char *options, struct error *err);

/* Also fails when the server rolls back instead. A session lost here leaves the outcome open. */
MUST_CHECK bool connection_transaction_commit(
    struct connection_transaction *transaction, struct error *err);

void connection_transaction_release(struct connection_transaction *transaction);

#endif
