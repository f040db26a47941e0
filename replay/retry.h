/*
 * Rejected rows put back, as they are or repaired.
 *
 * All in one transaction: those that fit now go into their tables and leave
 * valise.rejects, the others stay with the reason of today. The ledger counts
 * what was put back, so that verification and later deltas are right.
 */
#ifndef REPLAY_RETRY_H
#define REPLAY_RETRY_H

#include "base/error.h"
#include "postgres/connection.h"
#include "replay/options.h"
#include "replay/values/value_policy.h"

struct retry {
    struct connection *connection;         /* holds the replay's lock */
    const struct value_policies *policies; /* "replace" lets NUL and invalid UTF-8 through */
    const struct options *options; /* the files of rows that are repaired, and that are left */
    struct byte_buffer *out;       /* gets what is to be told */
};

/*
 * Fails with ERROR_REJECTED when rows are left, though others may be back; with ERROR_REFUSED when
 * there is no finished replay; ERROR_USAGE for a file that cannot be read as such.
 */
MUST_CHECK bool retry_run(const struct retry *retry, struct error *err);

#endif
