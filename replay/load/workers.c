#include "replay/load/workers.h"

#include "base/byte_buffer.h"
#include "base/owned.h"
#include "base/stop.h"
#include "postgres/quote.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define CLOSE_WAIT_COUNT_MAX 1000
#define CLOSE_WAIT_NS 10000000L /* a hundredth of a second */

bool workers_open(struct workers *workers, const struct connection_target *target, size_t count,
    const char *setup, struct error *err)
{
    workers->connections = byte_buffer_calloc(count, sizeof(*workers->connections));
    for (workers->count = 0; workers->count < count; workers->count++) {
        struct connection *connection = &workers->connections[workers->count];

        if (!connection_open(connection, target, err) || !connection_exec(connection, setup, err)) {
            connection_release(connection);
            return error_wrap(err, "connection %zu of %zu", workers->count + 1, count);
        }
    }
    return true;
}

void workers_release(struct workers *workers)
{
    for (size_t i = 0; i < workers->count; i++)
        connection_release(&workers->connections[i]);
    free(workers->connections);
    *workers = (struct workers){0};
}

static bool is_any_left(
    struct connection *observer, const char *sql, bool *is_left, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (!stop_check(err) || !connection_query(observer, sql, NULL, &rows, err))
        return false;
    *is_left = rows.row_count > 0;
    return true;
}

bool workers_close(struct workers *workers, struct connection *observer, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    bool is_left = workers->count > 0;

    quote_plain(&sql, "SELECT pid FROM pg_catalog.pg_stat_activity WHERE pid IN (0");
    for (size_t i = 0; i < workers->count; i++) {
        char pid[24];

        snprintf(pid, sizeof(pid), ", %d", connection_backend_pid(&workers->connections[i]));
        quote_plain(&sql, pid);
    }
    quote_plain(&sql, ")");
    workers_release(workers);
    for (int i = 0; is_left && i < CLOSE_WAIT_COUNT_MAX; i++) {
        if (!is_any_left(observer, quote_text(&sql), &is_left, err))
            return false;
        if (is_left)
            nanosleep(&(struct timespec){.tv_nsec = CLOSE_WAIT_NS}, NULL);
    }
    return !is_left
           || error_set(err, ERROR_DATABASE, "the sessions of this replay do not end; try again");
}
