#include "replay/ledger/staging_target.h"

#include "base/owned.h"

static bool is_marked(struct connection *connection, bool *out, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (!connection_query(
            connection, "SELECT to_regclass('valise.staging') IS NOT NULL", NULL, &rows, err))
        return false;
    *out = connection_rows_boolean(&rows, 0, 0);
    return true;
}

bool staging_target_check(
    struct connection *connection, const struct ledger *ledger, bool is_staging, struct error *err)
{
    bool was_staging = false;

    if (ledger->replay.phase == LEDGER_PHASE_NONE)
        return true;
    if (!is_marked(connection, &was_staging, err))
        return false;
    if (was_staging == is_staging)
        return true;
    if (was_staging)
        return error_set(err, ERROR_REFUSED,
            "this database is for staging and lacks tables' rows on purpose: give --staging, or take a new database");
    return error_set(err, ERROR_REFUSED,
        "this database was not filled with --staging and holds what staging must not have: take a new database");
}

bool staging_target_mark(struct connection *connection, bool is_staging, struct error *err)
{
    bool was_staging = false;

    if (!is_marked(connection, &was_staging, err))
        return false;
    if (was_staging == is_staging)
        return true;
    return connection_exec(connection,
        is_staging ? "CREATE TABLE valise.staging ()" : "DROP TABLE valise.staging", err);
}
