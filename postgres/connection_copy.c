#include "postgres/connection_copy.h"

#include "postgres/connection_wait.h"

#include <assert.h>
#include <poll.h>
#include <stdlib.h>

#define PUT_SIZE_MAX ((size_t)1 << 20) /* bytes given to libpq before it is flushed */

/* Starts a COPY; the first result must be of the expected kind. */
static bool begin(
    struct connection *connection, const char *sql, ExecStatusType expected, struct error *err)
{
    PGresult *result = NULL;
    ExecStatusType status;
    bool done;

    if (!connection_wait_start(connection, err))
        return false;
    if (PQsendQuery(connection->handle, sql) == 0)
        return connection_wait_failed(connection, NULL, err);
    if (!connection_wait_result(connection, &result, err))
        return false;
    status = PQresultStatus(result);
    if (status == expected) {
        PQclear(result);
        return true;
    }
    assert(status != PGRES_COPY_IN && status != PGRES_COPY_OUT);
    done = status == PGRES_FATAL_ERROR ? connection_wait_failed(connection, result, err)
                                       : error_set(err, ERROR_USAGE, "the statement is no COPY");
    PQclear(result);
    connection_wait_drain(connection);
    return done;
}

/* --- in --------------------------------------------------------------------- */

bool connection_copy_in_begin(struct connection_copy_in *copy, struct connection *connection,
    const char *sql, struct error *err)
{
    copy->connection = NULL;
    if (!begin(connection, sql, PGRES_COPY_IN, err))
        return false;
    copy->connection = connection;
    return true;
}

/* The server's reason for closing the connection, if it gave one, beats libpq's. */
static bool put_failed(struct connection_copy_in *copy, struct error *err)
{
    struct connection *connection = copy->connection;

    copy->connection = NULL;
    if (!connection_wait_end(connection, NULL, err))
        return false;
    return connection_wait_failed(connection, NULL, err);
}

bool connection_copy_in_put(
    struct connection_copy_in *copy, const void *bytes, size_t size, struct error *err)
{
    PGconn *handle = copy->connection->handle;
    const char *next = bytes;

    if (!connection_wait_start(copy->connection, err))
        return false;
    while (size > 0) {
        size_t part = size < PUT_SIZE_MAX ? size : PUT_SIZE_MAX;
        int state = PQputCopyData(handle, next, (int)part);

        if (state < 0)
            return put_failed(copy, err);
        if (state > 0) {
            next += part;
            size -= part;
        }
        if (!connection_wait_flush(copy->connection, err))
            return err->kind == ERROR_STOPPED ? false : put_failed(copy, err);
    }
    return true;
}

/* Ends the stream, with reason as the server's error unless it is NULL. */
static bool end_stream(struct connection *connection, const char *reason, struct error *err)
{
    int state;

    while ((state = PQputCopyEnd(connection->handle, reason)) == 0) {
        if (!connection_wait_socket(connection, POLLIN | POLLOUT, err))
            return false;
    }
    return state > 0 || connection_wait_failed(connection, NULL, err);
}

bool connection_copy_in_commit(
    struct connection_copy_in *copy, uint64_t *row_count, struct error *err)
{
    struct connection *connection = copy->connection;
    PGresult *last = NULL;
    bool done;

    if (!connection_wait_start(connection, err))
        return false;
    if (!end_stream(connection, NULL, err))
        return err->kind == ERROR_STOPPED ? false : put_failed(copy, err);
    copy->connection = NULL;
    done = connection_wait_end(connection, &last, err);
    if (done && row_count != NULL)
        *row_count = strtoull(PQcmdTuples(last), NULL, 10);
    PQclear(last);
    return done;
}

void connection_copy_in_release(struct connection_copy_in *copy)
{
    struct connection *connection = copy->connection;
    struct error ignored;
    bool ignores_stop;

    copy->connection = NULL;
    if (connection == NULL || connection->handle == NULL || connection_is_lost(connection))
        return;
    ignores_stop = connection->ignores_stop;
    connection->ignores_stop = true;
    if (end_stream(connection, "the copy was abandoned", &ignored))
        connection_wait_drain(connection);
    connection->ignores_stop = ignores_stop;
}

/* --- out -------------------------------------------------------------------- */

bool connection_copy_out_begin(struct connection_copy_out *copy, struct connection *connection,
    const char *sql, struct error *err)
{
    *copy = (struct connection_copy_out){0};
    if (!begin(connection, sql, PGRES_COPY_OUT, err))
        return false;
    copy->connection = connection;
    return true;
}

bool connection_copy_out_next(
    struct connection_copy_out *copy, const uint8_t **bytes, size_t *size, struct error *err)
{
    struct connection *connection = copy->connection;
    int state;

    PQfreemem(copy->row);
    copy->row = NULL;
    *bytes = NULL;
    *size = 0;
    if (connection == NULL) /* the end was read before */
        return true;
    while ((state = PQgetCopyData(connection->handle, &copy->row, 1)) == 0) {
        if (!connection_wait_socket(connection, POLLIN, err))
            return false;
    }
    if (state > 0) {
        *bytes = (const uint8_t *)copy->row;
        *size = (size_t)state;
        return true;
    }
    copy->connection = NULL;
    if (state == -1)
        return connection_wait_end(connection, NULL, err);
    return connection_wait_failed(connection, NULL, err);
}

void connection_copy_out_release(struct connection_copy_out *copy)
{
    struct connection *connection = copy->connection;
    char *row;

    PQfreemem(copy->row);
    *copy = (struct connection_copy_out){0};
    if (connection == NULL || connection->handle == NULL || connection_is_lost(connection))
        return;
    connection_wait_cancel(connection);
    while (PQgetCopyData(connection->handle, &row, 0) > 0)
        PQfreemem(row);
    connection_wait_drain(connection);
}
