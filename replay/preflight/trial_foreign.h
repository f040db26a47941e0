/*
 * Foreign keys whose other side only the server has, or can compare: tables that
 * are kept, of another schema, or with keys that have no form (key.h).
 */
#ifndef REPLAY_TRIAL_FOREIGN_H
#define REPLAY_TRIAL_FOREIGN_H

#include "base/error.h"
#include "replay/preflight/trial.h"

/* The table's side of the key in `child`, the other one in `parent`, or its table NULL: then the
   target's rows count. */
struct trial_foreign {
    struct trial child;
    struct trial parent;
    const struct target_constraint *constraint;
};

/* False when it is not for the server: then it is found otherwise, or only while loading. */
MUST_CHECK bool trial_foreign_make(struct trial_foreign *foreign, const struct preflight *preflight,
    struct plan_table *table, const struct target_constraint *constraint);

void trial_foreign_release(struct trial_foreign *foreign);

/* Rows that refer to none. As trial_run(). */
MUST_CHECK bool trial_foreign_run(
    const struct trial_foreign *foreign, struct trial_result *result, struct error *err);

#endif
