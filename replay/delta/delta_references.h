/*
 * Foreign keys while a delta is applied.
 *
 * Checks wait until all rows are in place. What PostgreSQL does at once when a row
 * goes (CASCADE, SET NULL, SET DEFAULT, RESTRICT) cannot wait: the order of
 * work sees to it that no row is left then that refers to one that goes, which is
 * checked; where no order helps the foreign key is taken down and added again.
 */
#ifndef REPLAY_DELTA_REFERENCES_H
#define REPLAY_DELTA_REFERENCES_H

#include "base/error.h"
#include "postgres/connection.h"
#include "replay/delta/delta_plan.h"
#include "replay/target/ddl.h"

/*
 * Takes down triggers, and the foreign keys that must go, and lets the others wait; in the
 * caller's transaction. Fills `ddl` for settle. Fails with ERROR_REFUSED for a foreign key that
 * would have to go but cannot.
 */
MUST_CHECK bool delta_references_defer(const struct delta_plan *plan, struct ddl_plan *ddl,
    struct connection *connection, struct error *err);

/* Fails with ERROR_REFUSED, naming it, if a row still refers to one that is about to go. */
MUST_CHECK bool delta_references_check(const struct delta_plan *plan,
    const struct delta_table *table, struct connection *connection, struct error *err);

/* Checks all foreign keys, and makes everything what it was. */
MUST_CHECK bool delta_references_settle(const struct delta_plan *plan, const struct ddl_plan *ddl,
    struct connection *connection, struct error *err);

#endif
