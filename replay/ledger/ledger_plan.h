/*
 * What a replay means to do, in the ledger (valise.plan): so that another session can tell how far
 * it is. The replay itself never reads it.
 */
#ifndef REPLAY_LEDGER_PLAN_H
#define REPLAY_LEDGER_PLAN_H

#include "base/arena.h"
#include "base/error.h"
#include "replay/ledger/ledger.h"
#include "replay/plan/plan.h"

/* Records the tables to load and to derive, in the transaction that begins the replay. */
MUST_CHECK bool ledger_plan_save(const struct ledger *ledger, struct connection *connection,
    const struct plan *plan, struct error *err);

/* Forgets those of this replay, if there are any. */
MUST_CHECK bool ledger_plan_forget(
    const struct ledger *ledger, struct connection *connection, struct error *err);

/* A table of the plan, and what the ledger has of it. */
struct ledger_plan_table {
    const char *name;
    const char *
        action; /* "load" or "derive"; NULL: it was not planned (a delta, a ledger without plans) */
    uint64_t row_count;  /* to be loaded */
    uint64_t size;       /* bytes of them */
    uint64_t part_count; /* loaded */
    uint64_t done_count; /* rows in these */
};

/* Reads the plan of the ledger's replay into the arena, in the order of the plan. */
MUST_CHECK bool ledger_plan_read(const struct ledger *ledger, struct connection *connection,
    struct arena *arena, struct ledger_plan_table **tables, size_t *count, struct error *err);

#endif
