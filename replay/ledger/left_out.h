/*
 * What the last replay left out: columns and tables of the dump that the target did not have, or
 * that the profile ignored.
 *
 * valise.left_out has them. When the target gets such a column later, the ledger takes its rows for
 * those of the dump, though they lack its values, and the sums of what was read back are of fewer
 * columns.
 */
#ifndef REPLAY_LEFT_OUT_H
#define REPLAY_LEFT_OUT_H

#include "base/arena.h"
#include "base/error.h"
#include "format/dump_reader.h"
#include "postgres/connection.h"
#include "replay/plan/plan.h"

#include <stdbool.h>

/* Is anything recorded? */
MUST_CHECK bool left_out_is_any(struct connection *connection, bool *out, struct error *err);

/* Sets `lacking` of each table of the plan to load that has now what was left out. */
MUST_CHECK bool left_out_find(struct plan *plan, const struct dump_reader *reader,
    struct connection *connection, struct error *err);

/* "table "t": its column "c" was left out by the last replay", of a table that is lacking. */
const char *left_out_words(struct arena *arena, const struct plan_table *table);

/* Records what this plan leaves out in place of what was recorded, in the caller's transaction. */
MUST_CHECK bool left_out_record(const struct plan *plan, const struct dump_reader *reader,
    struct connection *connection, struct error *err);

#endif
