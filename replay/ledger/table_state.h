/*
 * Which rows of the dump each table of the target holds, as the ledger knows.
 *
 * valise.table_state has the row count and sum of every table of the dump that
 * was replayed last. A newer dump of the same database touches only tables whose
 * sums differ; the other ones are PLAN_SAME.
 */
#ifndef REPLAY_TABLE_STATE_H
#define REPLAY_TABLE_STATE_H

#include "base/error.h"
#include "format/dump_reader.h"
#include "postgres/connection.h"
#include "replay/ledger/ledger.h"
#include "replay/plan/plan.h"
#include "replay/plan/problems.h"

/*
 * Turns tables to load whose rows the target has already, with all their columns, into PLAN_SAME,
 * and with them the derived tables, if nothing at all has changed. Does nothing in a target without
 * such records.
 */
MUST_CHECK bool table_state_compare(struct plan *plan, const struct dump_reader *reader,
    struct connection *connection, struct error *err);

/* How much of the last state is in a dump. */
struct table_state_likeness {
    size_t both_count; /* tables with rows in both */
    size_t same_count; /* of them: with the same rows */
};

MUST_CHECK bool table_state_liken(const struct dump_reader *reader, struct connection *connection,
    struct table_state_likeness *likeness, struct error *err);

/* Forgets all sums, in the caller's transaction: then every table counts as changed. */
MUST_CHECK bool table_state_forget(struct connection *connection, struct error *err);

/* Takes over the parts of tables that stay from replay `before`, and the rows that were rejected of
   them, in the caller's transaction. */
MUST_CHECK bool table_state_carry(const struct plan *plan, const struct ledger *ledger,
    int64_t before, struct connection *connection, struct error *err);

/*
 * Records the sums of the state that the dump leads to, or (is_before) that it starts from, for all
 * its tables; in the caller's transaction. The latter is for deltas that hold no table whole.
 */
MUST_CHECK bool table_state_record(const struct dump_reader *reader, bool is_before,
    struct connection *connection, struct error *err);

/*
 * Ends the replay: records the sums of the dump for all its tables, forgets how replays before took
 * rows over, drops copies of rows that were replaced, and enters the phase "done", all in one
 * transaction.
 */
MUST_CHECK bool table_state_finish(const struct dump_reader *reader, struct ledger *ledger,
    struct connection *connection, struct error *err);

#endif
