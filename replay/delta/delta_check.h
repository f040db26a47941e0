/*
 * Drift: rows of the target that are not as the delta left them.
 *
 * Looked for before anything is changed: each removed row must be in the target,
 * value by value, and no row may stand where an added one goes.
 */
#ifndef REPLAY_DELTA_CHECK_H
#define REPLAY_DELTA_CHECK_H

#include "base/error.h"
#include "postgres/connection.h"
#include "replay/delta/delta_plan.h"
#include "replay/plan/problems.h"

enum delta_check_policy {
    DELTA_CHECK_STOP,      /* a few rows of each table are named; refused */
    DELTA_CHECK_REPORT,    /* all rows are named; refused if there are any */
    DELTA_CHECK_OVERWRITE, /* the rows are named as notes; the delta's win */
};

/*
 * Rows that drifted become problems, or notes when they are overwritten. For counted tables it
 * also leaves behind (in delta_table.found) which rows of the target are the removed ones.
 */
MUST_CHECK bool delta_check_run(const struct delta_plan *plan, struct connection *connection,
    enum delta_check_policy policy, struct problems *problems, struct error *err);

#endif
