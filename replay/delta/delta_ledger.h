/*
 * Deltas in the ledger: every applied delta is a replay of its own, whose one part
 * for each table holds the sum of all that the table holds then. It follows by
 * arithmetic from the parts of the replay before.
 */
#ifndef REPLAY_DELTA_LEDGER_H
#define REPLAY_DELTA_LEDGER_H

#include "base/error.h"
#include "postgres/connection.h"
#include "replay/delta/delta_plan.h"
#include "replay/ledger/ledger.h"

/* Fails as delta_ledger_record() would for a table whose number of rows does not come out. */
MUST_CHECK bool delta_ledger_check(const struct ledger *ledger, struct connection *connection,
    const struct plan *plan, const struct delta_plan *delta, struct error *err);

/*
 * In the caller's transaction, in which the delta's rows were applied already: records it, and
 * reads the ledger again. Fails with ERROR_REFUSED when ledger and delta do not add up.
 */
MUST_CHECK bool delta_ledger_record(struct ledger *ledger, struct connection *connection,
    const struct plan *plan, const struct delta_plan *delta, struct error *err);

/*
 * The newest replay, a delta, is forgotten: the one before is the newest then. Fails with
 * ERROR_REFUSED when that one led elsewhere, or to tables that the delta removed.
 */
MUST_CHECK bool delta_ledger_forget(struct ledger *ledger, struct connection *connection,
    const struct plan *plan, const struct delta_plan *delta, struct error *err);

#endif
