#include "postgres/pooler_check.h"

#include "base/owned.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define WAIT_COUNT_MAX 20
#define WAIT_NS 50000000L
#define ROUND_COUNT 4
#define SQLSTATE_PROTOCOL_VIOLATION "08P01" /* how PgBouncer says that it does not do something */

static bool refuse(struct error *err)
{
    return error_set(err, ERROR_REFUSED,
        "a connection pooler in transaction or statement mode is in between: the server's sessions "
        "change from one transaction to the next, and with them locks and settings; connect to "
        "PostgreSQL itself, or set pool_mode = session for this database or user");
}

static bool read_pid(struct connection *connection, int64_t *pid, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (!connection_query(connection, "SELECT pg_catalog.pg_backend_pid()", NULL, &rows, err))
        return false;
    *pid = connection_rows_integer(&rows, 0, 0);
    return true;
}

/* Whoever gets that server session next shall not find our settings in it. */
static void leave_clean(struct connection *connection)
{
    struct error ignored;
    bool done = connection_exec(connection, "RESET ALL", &ignored)
                && connection_exec(connection, "COMMIT", &ignored);

    (void)done;
}

/*
 * Another session of ours holds a transaction open. If it is served by the process that served us,
 * or we are now served by another one, then sessions are not what is handed out.
 */
static bool look_twice(struct connection *connection, const struct connection_target *target,
    int64_t pid, int64_t *other_pid, struct error *err)
{
    OWNED(connection) struct connection other = {0};
    int64_t pid_now;

    if (!connection_open(&other, target, err))
        return false;
    if (!connection_exec(&other, "BEGIN", err) || !read_pid(&other, other_pid, err))
        return strcmp(other.sqlstate, SQLSTATE_PROTOCOL_VIOLATION) == 0 && refuse(err);
    if (*other_pid == pid) {
        leave_clean(&other);
        return refuse(err);
    }
    if (!read_pid(connection, &pid_now, err))
        return false;
    if (pid_now != pid) {
        leave_clean(&other);
        leave_clean(connection);
        return refuse(err);
    }
    return connection_exec(&other, "COMMIT", err);
}

/* The preflight shall not take the session that was closed just now for a stranger's. */
static bool wait_for_end(struct connection *connection, int64_t other_pid, struct error *err)
{
    char pid[24];
    const char *items[] = {pid};

    snprintf(pid, sizeof(pid), "%" PRId64, other_pid);
    for (int i = 0; i < WAIT_COUNT_MAX; i++) {
        OWNED(connection_rows) struct connection_rows rows = {0};

        if (!connection_query(connection,
                "SELECT 1 FROM pg_catalog.pg_stat_activity WHERE pid = $1"
                " AND (state = 'idle' AND query = 'DISCARD ALL') IS NOT TRUE",
                &(struct connection_values){.items = items, .count = 1}, &rows, err))
            return false;
        if (rows.row_count == 0)
            return true;
        nanosleep(&(struct timespec){.tv_nsec = WAIT_NS}, NULL);
    }
    return true;
}

bool pooler_check(
    struct connection *connection, const struct connection_target *target, struct error *err)
{
    int64_t pid;
    int64_t other_pid = 0;

    if (!read_pid(connection, &pid, err))
        return false;
    /* The server told its process when the session began; a pooler tells something else. */
    if (pid == connection_backend_pid(connection))
        return true;
    for (int i = 0; i < ROUND_COUNT; i++)
        if (!look_twice(connection, target, pid, &other_pid, err)
            || !wait_for_end(connection, other_pid, err))
            return false;
    return true;
}
