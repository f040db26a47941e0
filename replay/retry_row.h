/* One rejected row on its way back: repaired, converted, and inserted or not. */
#ifndef REPLAY_RETRY_ROW_H
#define REPLAY_RETRY_ROW_H

#include "base/error.h"
#include "format/checksum.h"
#include "postgres/connection.h"
#include "replay/target/target_catalog.h"
#include "replay/values/value_policy.h"

struct retry_row {
    const char *id;
    const char *table;                 /* of the dump */
    const char *json;                  /* as it was rejected */
    const char *repair;                /* what is to be different; NULL: nothing */
    const struct target_table *target; /* NULL: it is gone */
    bool is_back;
    bool is_waiting;              /* only another row is missing, which may still come */
    struct hash128 sum;           /* of what is back */
    char reason[ERROR_TEXT_SIZE]; /* why it is not */
};

/* Inserts the row in the caller's transaction, or notes why it does not fit. Fails when that cannot
 * be told. */
MUST_CHECK bool retry_row_insert(struct retry_row *row, struct connection *connection,
    const struct value_policies *policies, struct error *err);

#endif
