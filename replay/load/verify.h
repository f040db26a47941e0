/*
 * Proof that the target holds what was sent.
 *
 * Every loaded table is read back with COPY; the number of rows and the sum of
 * the hashes of what the server returns must be those recorded while sending.
 * All is read in one snapshot, taken when the last row is there, and the
 * ledger's records too. So large tables can be read in parts, on all
 * connections, and every row is read exactly once.
 */
#ifndef REPLAY_VERIFY_H
#define REPLAY_VERIFY_H

#include "base/error.h"
#include "postgres/connection_transaction.h"
#include "replay/load/loader.h"
#include "replay/plan/problems.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

enum verify_level {
    VERIFY_TOUCHED, /* every table that the replay wrote: after a full dump the same as full */
    VERIFY_CHANGED, /* of large tables only the rows that a delta changed */
    VERIFY_FULL,
    VERIFY_COUNTS,
    VERIFY_NONE,
};

struct verify_result {
    size_t table_count;
    uint64_t row_count;
    uint64_t size; /* bytes read back */
};

/* Comparing every table that was written. Zero-initialise. */
struct verification {
    const struct loader *loader;
    enum verify_level level;
    struct problems *problems;
    struct verify_result *result;
    struct connection_transaction exporter; /* holds the snapshot open */
    char snapshot[64];
    struct ledger recorded;            /* owned: as the snapshot sees it */
    struct verification_table *tables; /* owned */
    size_t table_count;
    struct verification_task *tasks; /* owned */
    size_t task_count;
    pthread_mutex_t lock; /* guards problems, the result and what was found of the tables */
};

/*
 * Adds to the stages the reading of every table that is written, behind the moment `snapshot`.
 * Differences are problems, one for each table; columns of which only NULL or not could be compared
 * are notes. Tasks fail only when comparing is impossible.
 */
void verify_plan(struct verification *verification, const struct loader *loader,
    struct problems *problems, struct verify_result *result);

/* At the moment `snapshot`, before the tasks: `connection` keeps the snapshot until release. */
MUST_CHECK bool verify_begin(
    struct verification *verification, struct connection *connection, struct error *err);

void verification_release(struct verification *verification);

/* What a table holds, or should. */
struct verify_content {
    uint64_t row_count;
    struct hash128 sum;
    uint64_t size;              /* bytes read */
    struct progress_task *task; /* told of rows; NULL: nobody */
    struct byte_buffer *hashes; /* gets the hash of each row; NULL: nobody wants them */
};

/* Reads one table back; adds to `found`. condition limits the rows ("WHERE ..."), or is "". */
MUST_CHECK bool verify_read_back(const struct plan_table *table, const char *condition,
    struct connection *connection, struct verify_content *found, struct error *err);

/* Only counts its rows. */
MUST_CHECK bool verify_count_rows(const struct plan_table *table, struct connection *connection,
    struct verify_content *found, struct error *err);

/* Runs the profile's checks; every row that one yields is a problem. */
MUST_CHECK bool verify_checks(const struct profile *profile, struct connection *connection,
    struct problems *problems, struct error *err);

#endif
