/*
 * Everything that a run of valise-replay has open, and what it knows of the dump at work.
 *
 * The connection, its lock and the files live as long as the run; what belongs to one
 * dump of a chain is forgotten when the run turns to the next.
 */
#ifndef REPLAY_RUN_STATE_H
#define REPLAY_RUN_STATE_H

#include "base/error.h"
#include "format/chain.h"
#include "postgres/homeserver.h"
#include "replay/delta/delta_plan.h"
#include "replay/dump_digests.h"
#include "replay/ledger/ledger.h"
#include "replay/load/workers.h"
#include "replay/options.h"
#include "replay/plan/change_count.h"
#include "replay/plan/plan.h"
#include "replay/report/estimate.h"
#include "replay/report/report.h"
#include "watch/progress.h"

#include <stdbool.h>
#include <stddef.h>

/* Everything that a run has open. Zero-initialise. */
struct run_state {
    const struct options *options;
    struct homeserver homeserver;
    struct connection_target target;
    struct chain chain;
    struct dump_digests digests;
    const struct dump_reader *reader; /* of the chain: the one that is at work */
    struct profile profile;
    struct connection connection;
    struct ledger ledger;
    struct target_catalog catalog;
    struct plan plan;
    struct delta_plan delta;
    struct problems problems;
    struct workers workers;
    struct progress progress;
    struct report report;
    struct estimate estimate; /* of a dry run */
    struct value_policies policies;
    struct change_count changes;
    bool is_resumed;
    bool is_newer;   /* the target holds another state, which this dump replaces */
    bool is_renewed; /* somebody wrote to the target: no table of it is taken as it is */
    struct allowances allowances; /* borrows the options' */
};

void run_state_release(struct run_state *run);

/* What the options say of the target, from a configuration or a DSN. Fails with ERROR_USAGE. */
MUST_CHECK bool run_state_read_target(struct run_state *run, struct error *err);

/* The connection that leads, and the lock that one replay holds at a time. Fails with ERROR_REFUSED
   when another has it, or when a pooler mixes sessions. */
MUST_CHECK bool run_state_lock_target(struct run_state *run, struct error *err);

/* Likewise, and reads the ledger. */
MUST_CHECK bool run_state_open_target(struct run_state *run, struct error *err);

/* The dumps; run->digests tells whether each is what its own digest says. */
MUST_CHECK bool run_state_open_dumps(struct run_state *run, struct error *err);

/* What a report says of a dump. */
void run_state_describe(struct run_state *run, const struct dump_reader *reader);

/* Turns to one dump of the chain: everything is read anew, as the one before may have changed it.
 */
MUST_CHECK bool run_state_begin(struct run_state *run, size_t at, struct error *err);

#endif
