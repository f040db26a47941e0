/*
 * The changed rows of a delta, brought to the server.
 *
 * Temporary tables of the caller's transaction hold the removed and the added
 * rows of each table; the server knows their statistics, so that it finds its way
 * from them to the rows of the target.
 */
#ifndef REPLAY_DELTA_STAGE_H
#define REPLAY_DELTA_STAGE_H

#include "base/error.h"
#include "postgres/connection.h"
#include "replay/delta/delta_plan.h"
#include "watch/progress.h"

/*
 * Makes and fills the temporary tables, and counts and sums their rows. Then decides for each table
 * how its rows are told apart (delta_table.mode), and which foreign keys must come down.
 * `all` is the plan that the delta's tables are of.
 */
MUST_CHECK bool delta_stage_run(struct delta_plan *plan, const struct plan *all,
    struct connection *connection, struct progress *progress, struct error *err);

#endif
