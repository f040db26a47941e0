#include "replay/ledger/replay_lock.h"

#include "base/owned.h"
#include "base/stop.h"

#include <time.h>

/* "valise" in ASCII as a number, and the next one. */
#define LEADER_KEY "130160802755429"
#define WORKER_KEY "130160802755430"

#define LEADER_WAIT_COUNT_MAX 50
#define WAIT_COUNT_MAX 300
#define WAIT_NS 100000000L /* a tenth of a second */

/* Sessions that hold one of the locks in this database, but for our own. */
#define HOLDERS(key) \
    " FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a USING (pid)" \
    " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND pid <> pg_backend_pid()" \
    " AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())" \
    " AND (l.classid::bigint << 32 | l.objid::bigint) = " key

#define WHO \
    "SELECT 'process ' || a.pid || ' (' || coalesce(nullif(a.application_name, ''), 'no name') ||" \
    " ' of user ' || coalesce(a.usename, '?') ||" \
    " coalesce(', from ' || host(a.client_addr), ', on this host') ||" \
    " coalesce(', since ' || a.backend_start::timestamp(0), '') || ')', a.pid"

const char replay_lock_worker_sql[] = "SELECT pg_catalog.pg_advisory_lock_shared(" WORKER_KEY ")";

static bool refuse(
    struct connection *connection, const char *who_sql, const char *what, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};
    const char *who = NULL;

    if (!connection_query(connection, who_sql, NULL, &rows, err))
        return false;
    if (rows.row_count > 0)
        who = connection_rows_text(&rows, 0, 0);
    if (who == NULL)
        return error_set(err, ERROR_REFUSED, "%s: its session has just ended, try again", what);
    return error_set(err, ERROR_REFUSED,
        "%s: %s; if that program is gone, end its session: SELECT pg_terminate_backend(%s)", what,
        who, connection_rows_text(&rows, 0, 1));
}

/* Ends the workers of a dead replay and waits until the server has forgotten them. */
static bool end_orphans(struct connection *connection, struct error *err)
{
    for (int i = 0; i < WAIT_COUNT_MAX; i++) {
        OWNED(connection_rows) struct connection_rows rows = {0};

        if (!stop_check(err)
            || !connection_query(connection,
                "SELECT pg_catalog.pg_terminate_backend(pid)" HOLDERS(WORKER_KEY), NULL, &rows,
                err))
            return error_wrap(err, "cannot end the sessions of an earlier replay");
        if (rows.row_count == 0)
            return true;
        nanosleep(&(struct timespec){.tv_nsec = WAIT_NS}, NULL);
    }
    return refuse(connection, WHO HOLDERS(WORKER_KEY),
        "a session of an earlier, dead replay does not end", err);
}

/* The session of a replay that was killed a moment ago may not know it yet: waits a little. */
static bool take_leader(struct connection *connection, bool *is_taken, struct error *err)
{
    *is_taken = false;
    for (int i = 0; i < LEADER_WAIT_COUNT_MAX; i++) {
        OWNED(connection_rows) struct connection_rows rows = {0};

        if (!stop_check(err)
            || !connection_query(connection,
                "SELECT pg_catalog.pg_try_advisory_lock(" LEADER_KEY ")", NULL, &rows, err))
            return false;
        *is_taken = connection_rows_boolean(&rows, 0, 0);
        if (*is_taken)
            return true;
        nanosleep(&(struct timespec){.tv_nsec = WAIT_NS}, NULL);
    }
    return true;
}

bool replay_lock_take(struct connection *connection, struct error *err)
{
    bool is_taken;

    if (!take_leader(connection, &is_taken, err))
        return false;
    if (!is_taken)
        return refuse(connection, WHO HOLDERS(LEADER_KEY),
            "another replay is at work in this database; wait for it, or stop it first", err);
    return end_orphans(connection, err);
}
