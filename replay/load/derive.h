/*
 * Tables that are made from other rows than their own: full-text search.
 *
 * The rows of a table of the dump go to a temporary table, then the profile's
 * statement fills the target's table from there; both in one transaction with
 * the ledger's record.
 */
#ifndef REPLAY_DERIVE_H
#define REPLAY_DERIVE_H

#include "base/error.h"
#include "replay/load/loader.h"
#include "replay/plan/problems.h"

#include <pthread.h>

/* The tables to derive. Zero-initialise. */
struct derivation {
    const struct loader *loader;
    struct problems *problems;
    pthread_mutex_t lock; /* guards problems */
};

/*
 * Adds to the stages every table to derive that the ledger does not have. What a statement leaves
 * out is noted in `problems`, as the profile's losses count it.
 */
void derive_plan(
    struct derivation *derivation, const struct loader *loader, struct problems *problems);

void derivation_release(struct derivation *derivation);

/* Appends sql with every %{staging} replaced by the name of the staging table. */
void derive_put_statement(struct byte_buffer *out, const char *sql, const char *staging);

#endif
