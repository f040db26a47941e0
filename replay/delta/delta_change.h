/*
 * The staged rows of one table, applied to it: first what goes and what is updated
 * in place, and when all tables are that far, what comes.
 */
#ifndef REPLAY_DELTA_CHANGE_H
#define REPLAY_DELTA_CHANGE_H

#include "base/error.h"
#include "postgres/connection.h"
#include "replay/delta/delta_plan.h"

/* overwrites: rows that stand where an added one goes give way, missing ones are no matter. */
MUST_CHECK bool delta_change_remove(const struct delta_table *table, bool overwrites,
    struct connection *connection, struct error *err);

MUST_CHECK bool delta_change_add(
    const struct delta_table *table, struct connection *connection, struct error *err);

#endif
