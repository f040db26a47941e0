/*
 * How a replay takes rows over, where that is not the plain way: columns and tables that it leaves
 * out, what numbers in dates count, what becomes of bad values, what is derived.
 *
 * valise.mapping has it of every replay since the last full dump. The sums of the ledger are of the
 * dump's rows, whatever became of them: when the target gets such a column later, or a command says
 * it another way, they prove nothing.
 */
#ifndef REPLAY_MAPPING_H
#define REPLAY_MAPPING_H

#include "base/error.h"
#include "format/dump_reader.h"
#include "postgres/connection.h"
#include "replay/ledger/ledger.h"
#include "replay/plan/plan.h"
#include "replay/plan/problems.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Sets `remapped` of each table of the plan to load or to derive whose rows the last replay that is
 * done took over otherwise. What is not said any more is no difference. A policy for bad values
 * counts for full dumps only: a delta is of rows that come after it.
 */
MUST_CHECK bool mapping_compare(struct plan *plan, const struct dump_reader *reader,
    struct connection *connection, struct error *err);

/* A replay that goes on must do it as it began: half of a table would be of another kind. */
MUST_CHECK bool mapping_check_resumed(const struct plan *plan, const struct dump_reader *reader,
    const struct ledger *ledger, struct connection *connection, struct problems *problems,
    struct error *err);

/* Records how the plan of the ledger's replay does it, in the caller's transaction. A delta leaves
   most rows as they are: what is known of these comes from replay `before`. */
MUST_CHECK bool mapping_record(const struct plan *plan, const struct dump_reader *reader,
    const struct ledger *ledger, int64_t before, struct connection *connection, struct error *err);

/* Forgets what this replay does, or (is_before) what those before it did; likewise. */
MUST_CHECK bool mapping_forget(
    const struct ledger *ledger, bool is_before, struct connection *connection, struct error *err);

#endif
