/*
 * Proof that the target holds what was sent.
 *
 * Every loaded table is read back with COPY; the number of rows and the sum of
 * the hashes of what the server returns must be those recorded while sending.
 */
#ifndef REPLAY_VERIFY_H
#define REPLAY_VERIFY_H

#include "base/error.h"
#include "replay/loader.h"
#include "replay/problems.h"

#include <stddef.h>
#include <stdint.h>

enum verify_level {
    VERIFY_TOUCHED, /* every table that the replay wrote: after a full dump the same as full */
    VERIFY_FULL,
    VERIFY_COUNTS,
    VERIFY_NONE,
};

struct verify_result {
    size_t table_count;
    uint64_t row_count;
    uint64_t size; /* bytes read back */
};

/*
 * Compares every table that was written. Differences are problems, one for each table; columns of
 * which only NULL or not could be compared are notes. Fails only when comparing is impossible.
 */
MUST_CHECK bool verify_run(const struct loader *loader, enum verify_level level,
    struct problems *problems, struct verify_result *result, struct error *err);

/* What a table holds, or should. */
struct verify_content {
    uint64_t row_count;
    struct hash128 sum;
    uint64_t size;              /* bytes read */
    struct progress_task *task; /* told of rows; NULL: nobody */
};

/* Reads one table back; adds to `found`. */
MUST_CHECK bool verify_read_back(const struct plan_table *table, struct connection *connection,
    struct verify_content *found, struct error *err);

/* Only counts its rows. */
MUST_CHECK bool verify_count_rows(const struct plan_table *table, struct connection *connection,
    struct verify_content *found, struct error *err);

/* Runs the profile's checks; every row that one yields is a problem. */
MUST_CHECK bool verify_checks(const struct profile *profile, struct connection *connection,
    struct problems *problems, struct error *err);

#endif
