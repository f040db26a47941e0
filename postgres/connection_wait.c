#include "postgres/connection_wait.h"

#include "base/stop.h"
#include "postgres/connection_path.h"
#include "postgres/connection_trouble.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define CANCEL_TIMEOUT_MS 30000 /* for the server to answer after a cancel */
#define DETAIL_SIZE 400         /* bytes of a detail or context that a message shows */

static bool is_stopping(const struct connection *connection)
{
    return !connection->ignores_stop && stop_is_requested();
}

/* --- errors ----------------------------------------------------------------- */

/* Appends label and the first lines of text, as one line. */
static void append(char *out, size_t out_size, const char *label, const char *text)
{
    size_t used = strlen(out);
    size_t end;

    if (text == NULL || text[0] == '\0' || used + 1 >= out_size)
        return;
    snprintf(out + used, out_size - used, "%s%.*s", label, DETAIL_SIZE, text);
    end = strlen(out);
    for (size_t i = used; i < end; i++) {
        if (out[i] == '\n' || out[i] == '\t')
            out[i] = ' ';
    }
}

bool connection_wait_failed(
    struct connection *connection, const PGresult *result, struct error *err)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    bool is_lost = PQstatus(connection->handle) == CONNECTION_BAD;
    char text[ERROR_TEXT_SIZE] = "";

    snprintf(
        connection->sqlstate, sizeof(connection->sqlstate), "%s", sqlstate == NULL ? "" : sqlstate);
    if (is_stopping(connection) && (is_lost || strcmp(connection->sqlstate, "57014") == 0))
        return stop_check(err);
    append(text, sizeof(text), "", primary == NULL ? PQerrorMessage(connection->handle) : primary);
    while (text[0] != '\0' && text[strlen(text) - 1] == ' ')
        text[strlen(text) - 1] = '\0';
    append(text, sizeof(text), "; ", PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL));
    append(text, sizeof(text), "; ", PQresultErrorField(result, PG_DIAG_MESSAGE_HINT));
    append(text, sizeof(text), "; in: ", PQresultErrorField(result, PG_DIAG_CONTEXT));
    append(text, sizeof(text), "; ", connection_trouble_advice(connection->sqlstate));
    append(text, sizeof(text), "; ",
        connection_path_advice(connection->sqlstate, PQresultErrorField(result, PG_DIAG_CONTEXT)));
    if (is_lost)
        return error_set(err, ERROR_DATABASE, "the session with PostgreSQL was lost: %s", text);
    return error_set(err, ERROR_DATABASE, "PostgreSQL says (%s): %s", connection->sqlstate, text);
}

/* --- waiting ---------------------------------------------------------------- */

/*
 * Sleeps on the socket, and on stop_fd() unless it is to be left out. Signals only
 * interrupt; stop_fd() tells. A timeout of -1 is none. Returns what poll() does.
 */
static int sleep_on(
    const struct connection *connection, short events, bool wakes_on_stop, int timeout_ms)
{
    struct pollfd fds[2] = {
        {.fd = PQsocket(connection->handle), .events = events},
        {.fd = wakes_on_stop ? stop_fd() : -1, .events = POLLIN},
    };

    return poll(fds, 2, timeout_ms);
}

bool connection_wait_start(struct connection *connection, struct error *err)
{
    assert(connection->handle != NULL);
    connection->sqlstate[0] = '\0';
    return connection->ignores_stop || stop_check(err);
}

bool connection_wait_socket(struct connection *connection, short events, struct error *err)
{
    if (is_stopping(connection))
        return stop_check(err);
    if (PQsocket(connection->handle) < 0)
        return connection_wait_failed(connection, NULL, err);
    if (sleep_on(connection, events, !connection->ignores_stop, -1) < 0 && errno != EINTR)
        return error_set_errno(err, "cannot wait for PostgreSQL");
    if (is_stopping(connection))
        return stop_check(err);
    if (PQconsumeInput(connection->handle) == 0)
        return connection_wait_failed(connection, NULL, err);
    return true;
}

bool connection_wait_flush(struct connection *connection, struct error *err)
{
    int state;

    while ((state = PQflush(connection->handle)) == 1) {
        /* The server may want us to read before it reads on. */
        if (!connection_wait_socket(connection, POLLIN | POLLOUT, err))
            return false;
    }
    return state == 0 || connection_wait_failed(connection, NULL, err);
}

void connection_wait_cancel(struct connection *connection)
{
    PGcancel *cancel = PQgetCancel(connection->handle);
    char reason[256];

    /* When the request is not delivered, the statement just runs to its end. */
    if (cancel != NULL && PQcancel(cancel, reason, sizeof(reason)) == 0)
        reason[0] = '\0';
    PQfreeCancel(cancel);
}

/* Waits for more of a statement that was cancelled; stop_fd() would wake us for ever. */
static bool wait_cancelled(struct connection *connection, struct error *err)
{
    /* A long statement may not have been sent whole yet. */
    bool sends = PQflush(connection->handle) == 1;
    int ready =
        sleep_on(connection, (short)(sends ? POLLIN | POLLOUT : POLLIN), false, CANCEL_TIMEOUT_MS);

    if (ready == 0)
        return error_set(err, ERROR_STOPPED,
            "stopped on request; PostgreSQL did not answer the cancellation within %d seconds",
            CANCEL_TIMEOUT_MS / 1000);
    if (ready < 0 && errno != EINTR)
        return error_set_errno(err, "cannot wait for PostgreSQL");
    if (PQconsumeInput(connection->handle) == 0)
        return connection_wait_failed(connection, NULL, err);
    return true;
}

bool connection_wait_result(struct connection *connection, PGresult **result, struct error *err)
{
    bool is_cancelled = false;

    *result = NULL;
    if (!is_stopping(connection) && !connection_wait_flush(connection, err)
        && err->kind != ERROR_STOPPED)
        return false;
    while (PQisBusy(connection->handle)) {
        if (is_stopping(connection) && !is_cancelled) {
            connection_wait_cancel(connection);
            is_cancelled = true;
        }
        if (is_cancelled) {
            if (!wait_cancelled(connection, err))
                return false;
        } else if (!connection_wait_socket(connection, POLLIN, err) && err->kind != ERROR_STOPPED) {
            return false;
        }
    }
    *result = PQgetResult(connection->handle);
    return true;
}

/* Leaves a COPY that nobody asked for. */
static void leave_copy(struct connection *connection, const PGresult *result)
{
    char *row;

    if (PQresultStatus(result) == PGRES_COPY_IN) {
        while (PQputCopyEnd(connection->handle, "no COPY is expected here") == 0)
            sleep_on(connection, POLLOUT, false, CANCEL_TIMEOUT_MS);
        return;
    }
    connection_wait_cancel(connection);
    while (PQgetCopyData(connection->handle, &row, 0) > 0)
        PQfreemem(row);
}

static bool is_copy(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);

    return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}

/* Judges one result of a statement; *done keeps the first failure. */
static void judge(
    struct connection *connection, const PGresult *result, bool *done, struct error *err)
{
    ExecStatusType status = PQresultStatus(result);

    if (is_copy(result)) {
        leave_copy(connection, result);
        if (*done)
            *done =
                error_set(err, ERROR_USAGE, "a COPY from or to the client is not possible here");
        return;
    }
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY
        && *done)
        *done = connection_wait_failed(connection, result, err);
}

bool connection_wait_end(struct connection *connection, PGresult **last, struct error *err)
{
    PGresult *kept = NULL;
    bool done = true;

    for (;;) {
        PGresult *result;
        struct error waiting;
        char sqlstate[CONNECTION_SQLSTATE_SIZE];

        memcpy(sqlstate, connection->sqlstate, sizeof(sqlstate));
        if (!connection_wait_result(connection, &result, &waiting)) {
            if (done)
                *err = waiting;
            else /* a session that ends after its error says nothing more */
                memcpy(connection->sqlstate, sqlstate, sizeof(sqlstate));
            done = false;
            break;
        }
        if (result == NULL)
            break;
        judge(connection, result, &done, err);
        PQclear(kept);
        kept = result;
    }
    if (last != NULL)
        *last = kept;
    else
        PQclear(kept);
    return done;
}

void connection_wait_drain(struct connection *connection)
{
    bool before = connection->ignores_stop;
    struct error ignored;

    connection->ignores_stop = true;
    if (PQstatus(connection->handle) == CONNECTION_OK
        && !connection_wait_end(connection, NULL, &ignored))
        connection->sqlstate[0] = '\0';
    connection->ignores_stop = before;
}
