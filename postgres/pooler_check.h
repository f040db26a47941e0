/*
 * Is this session ours from one transaction to the next?
 *
 * A pooler in transaction or statement mode gives every transaction whatever
 * server session is free: our locks, settings and temporary tables would end up
 * with strangers. Seen by what no pooler can hide: which process serves us.
 */
#ifndef POSTGRES_POOLER_CHECK_H
#define POSTGRES_POOLER_CHECK_H

#include "base/error.h"
#include "postgres/connection.h"

/* Fails with ERROR_REFUSED when it is not, before anything has been done; opens a second session
   to the target if a pooler is in between. */
MUST_CHECK bool pooler_check(
    struct connection *connection, const struct connection_target *target, struct error *err);

#endif
