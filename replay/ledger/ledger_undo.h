/* The way back: an unfinished replay is undone from what the ledger saved. */
#ifndef REPLAY_LEDGER_UNDO_H
#define REPLAY_LEDGER_UNDO_H

#include "base/byte_buffer.h"
#include "base/error.h"
#include "postgres/connection.h"
#include "replay/ledger/ledger.h"

/*
 * Puts the target back to what it was before the newest, unfinished replay, and drops its records:
 * one transaction. Fails with ERROR_DATABASE; then nothing has changed.
 */
MUST_CHECK bool ledger_undo(
    struct ledger *ledger, struct connection *connection, struct error *err);

/* Likewise if there is an unfinished replay, and appends what was done, in words. */
MUST_CHECK bool ledger_undo_told(struct ledger *ledger, struct connection *connection,
    struct byte_buffer *out, struct error *err);

#endif
