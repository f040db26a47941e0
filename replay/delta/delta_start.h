/* Where a chain of dumps goes on from what the target holds. */
#ifndef REPLAY_DELTA_START_H
#define REPLAY_DELTA_START_H

#include "base/error.h"
#include "format/chain.h"
#include "replay/ledger/ledger.h"

#include <stddef.h>

/*
 * Finds the first dump of the chain that the target does not have; dump_count when there is
 * nothing to do. Fails with ERROR_REFUSED, naming both states, when none follows.
 */
MUST_CHECK bool delta_start_find(
    const struct chain *chain, const struct ledger *ledger, size_t *start, struct error *err);

/* Is this delta the last one that was applied? Else fails with ERROR_REFUSED. */
MUST_CHECK bool delta_start_undo(
    const struct dump_reader *delta, const struct ledger *ledger, struct error *err);

#endif
