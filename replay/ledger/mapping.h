/*
 * How the last replay took rows over, where that is not the plain way: columns and tables that it
 * left out, what numbers in dates count, what became of bad values.
 *
 * valise.mapping has it. The sums of the ledger are of the dump's rows, whatever became of them:
 * when the target gets such a column later, or a command says it another way, they prove nothing.
 */
#ifndef REPLAY_MAPPING_H
#define REPLAY_MAPPING_H

#include "base/error.h"
#include "format/dump_reader.h"
#include "postgres/connection.h"
#include "replay/plan/plan.h"

#include <stdbool.h>

/* Is anything recorded? */
MUST_CHECK bool mapping_is_any(struct connection *connection, bool *out, struct error *err);

/*
 * Sets `remapped` of each table of the plan to load whose rows were taken over otherwise. A policy
 * for bad values counts for full dumps only: a delta is of rows that come after it.
 */
MUST_CHECK bool mapping_compare(struct plan *plan, const struct dump_reader *reader,
    struct connection *connection, struct error *err);

/* Records how this plan does it, in the caller's transaction; a delta leaves what it does not
   touch. */
MUST_CHECK bool mapping_record(const struct plan *plan, const struct dump_reader *reader,
    struct connection *connection, struct error *err);

#endif
