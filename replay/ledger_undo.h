/* The way back: an unfinished replay is undone from what the ledger saved. */
#ifndef REPLAY_LEDGER_UNDO_H
#define REPLAY_LEDGER_UNDO_H

#include "base/error.h"
#include "postgres/connection.h"
#include "replay/ledger.h"

/*
 * Puts the target back to what it was before the newest, unfinished replay, and drops its records:
 * one transaction. Fails with ERROR_DATABASE; then nothing has changed.
 */
MUST_CHECK bool ledger_undo(
    struct ledger *ledger, struct connection *connection, struct error *err);

#endif
