/*
 * Unlogged tables after a crash of the server.
 *
 * The server empties them when it recovers, while the ledger, which is logged,
 * still says that their parts are loaded. Resuming looks, and loads them again.
 */
#ifndef REPLAY_LOST_ROWS_H
#define REPLAY_LOST_ROWS_H

#include "base/error.h"
#include "replay/ledger/ledger.h"
#include "replay/plan/plan.h"

/*
 * Removes from the ledger what it says of unlogged tables that do not hold the rows it counts,
 * empties these, and takes their foreign keys and triggers down again. Reads the ledger again if
 * there was one.
 */
MUST_CHECK bool lost_rows_forget(struct ledger *ledger, struct connection *connection,
    const struct plan *plan, struct error *err);

#endif
