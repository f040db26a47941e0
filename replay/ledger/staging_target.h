/*
 * A target for staging: it lacks what a copy of a live application must not have.
 *
 * Whether a target is one is remembered beside the ledger, so that what was left out once is
 * neither taken for drift nor brought in by a later dump.
 */
#ifndef REPLAY_STAGING_TARGET_H
#define REPLAY_STAGING_TARGET_H

#include "base/error.h"
#include "postgres/connection.h"
#include "replay/ledger/ledger.h"

#include <stdbool.h>

/*
 * Is a target that holds a replay already of the kind that is asked for? Fails with ERROR_REFUSED
 * when it is not; a target without a replay may become either.
 */
MUST_CHECK bool staging_target_check(
    struct connection *connection, const struct ledger *ledger, bool is_staging, struct error *err);

/* Remembers the kind, in the transaction that begins a replay and makes the ledger: so that one
   that fails or is undone leaves nothing. Fails with ERROR_DATABASE. */
MUST_CHECK bool staging_target_mark(
    struct connection *connection, bool is_staging, struct error *err);

#endif
