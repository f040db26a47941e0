#include "replay/target/lock_room.h"

#include "base/owned.h"

#include <inttypes.h>
#include <string.h>

#define SETTING_STEP 64

bool lock_room_is_short(const struct error *err)
{
    /* The same state says that the server has no memory; of locks it names the setting. */
    return err->kind == ERROR_DATABASE && strstr(err->text, "(53200)") != NULL
           && strstr(err->text, "max_locks_per_transaction") != NULL;
}

bool lock_room_explain(
    struct connection *connection, size_t lock_count, const char *what, struct error *err)
{
    static const char sql[] = "SELECT current_setting('max_locks_per_transaction')::bigint,"
                              " current_setting('max_connections')::bigint"
                              " + current_setting('max_prepared_transactions')::bigint";
    OWNED(connection_rows) struct connection_rows rows = {0};
    int64_t now;
    int64_t needed;

    if (!connection_query(connection, sql, NULL, &rows, err))
        return false;
    now = connection_rows_integer(&rows, 0, 0);
    needed = (int64_t)lock_count / connection_rows_integer(&rows, 0, 1);
    if (needed < now)
        needed = now;
    return error_set(err, ERROR_REFUSED,
        "the server has no room for the locks that %s takes (max_locks_per_transaction is %" PRId64
        "): ALTER SYSTEM SET max_locks_per_transaction = %" PRId64 ", and restart the server",
        what, now, (needed / SETTING_STEP + 1) * SETTING_STEP);
}
