/*
 * All that speaks against a replay, found before the target is touched.
 *
 * Adds to the plan's problems those of the server, the session, the rights, the
 * profile's facts and requirements, rows that the target already has, and values
 * that do not fit. Reads only.
 */
#ifndef REPLAY_PREFLIGHT_H
#define REPLAY_PREFLIGHT_H

#include "base/error.h"
#include "replay/ledger/ledger.h"
#include "replay/plan/allowances.h"
#include "replay/plan/plan.h"
#include "replay/plan/problems.h"
#include "replay/preflight/existing_rows.h"

#include <stdbool.h>

struct preflight {
    const struct plan_input *input;
    const struct plan *plan;
    struct connection *connection;
    const char *server_name; /* of homeserver.yaml; NULL: unknown */
    const struct allowances *allowances;
    const struct existing_rows *existing; /* NULL: the ledger knows where all rows come from */
    bool is_resumed;                      /* what does not fit was found before the replay began */
    size_t thread_count;                  /* to look with, at least 1 */
    struct problems *problems;
};

/* Fails only when looking is impossible. */
MUST_CHECK bool preflight_run(const struct preflight *preflight, struct error *err);

#endif
