#include "postgres/connection.h"

#include "base/owned.h"
#include "base/stop.h"
#include "postgres/connection_path.h"
#include "postgres/connection_trouble.h"
#include "postgres/connection_wait.h"
#include "postgres/dsn.h"
#include "postgres/quote.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define CONNECT_TIMEOUT_MS 30000 /* a host, when connect_timeout is not given */
#define KEYWORD_COUNT_MAX 64
#define WARNINGS_SIZE_MAX ((size_t)8 * 1024)
#define TEXT_OID 25

/* --- opening ---------------------------------------------------------------- */

struct parameters {
    const char *keywords[KEYWORD_COUNT_MAX];
    const char *values[KEYWORD_COUNT_MAX];
    size_t count;
};

static void add(struct parameters *parameters, const char *keyword, const char *value)
{
    parameters->keywords[parameters->count] = keyword;
    parameters->values[parameters->count] = value;
    parameters->count++;
}

bool connection_knows_keyword(const char *keyword)
{
    PQconninfoOption *options = PQconndefaults();
    bool found = false;

    if (options == NULL)
        return true;
    for (const PQconninfoOption *option = options; option->keyword != NULL; option++)
        found = found || strcmp(option->keyword, keyword) == 0;
    PQconninfoFree(options);
    return found;
}

static bool collect(
    struct parameters *parameters, const struct connection_target *target, struct error *err)
{
    add(parameters, "application_name",
        target->application == NULL ? "valise-replay" : target->application);
    for (size_t i = 0; target->keywords != NULL && target->keywords[i] != NULL; i++) {
        if (!connection_knows_keyword(target->keywords[i]))
            return error_set(
                err, ERROR_USAGE, "libpq knows no parameter \"%s\"", target->keywords[i]);
        if (parameters->count + 4 >= KEYWORD_COUNT_MAX)
            return error_set(err, ERROR_USAGE, "there are more than %d connection parameters",
                KEYWORD_COUNT_MAX - 5);
        add(parameters, target->keywords[i], target->values[i]);
    }
    if (target->dsn != NULL) {
        if (!dsn_check(target->dsn, err))
            return false;
        add(parameters, "dbname", target->dsn);
    }
    if (target->database != NULL)
        add(parameters, "dbname", target->database);
    add(parameters, "client_encoding", "UTF8");
    add(parameters, NULL, NULL);
    return true;
}

/* The value of a keyword among libpq's options, which may be NULL; else found. */
static const char *option_value(
    const PQconninfoOption *options, const char *keyword, const char *found)
{
    for (; options != NULL && options->keyword != NULL; options++)
        if (strcmp(options->keyword, keyword) == 0 && options->val != NULL)
            return options->val;
    return found;
}

bool connection_target_database(
    const struct connection_target *target, struct byte_buffer *out, struct error *err)
{
    PQconninfoOption *defaults = PQconndefaults();
    PQconninfoOption *options = NULL;
    const char *name = option_value(defaults, "dbname", "");

    if (target->dsn != NULL && !dsn_check(target->dsn, err)) {
        PQconninfoFree(defaults);
        return false;
    }
    if (target->dsn != NULL)
        options = PQconninfoParse(target->dsn, NULL);
    for (size_t i = 0; target->keywords != NULL && target->keywords[i] != NULL; i++)
        if (strcmp(target->keywords[i], "dbname") == 0)
            name = target->values[i];
    name = option_value(options, "dbname", name);
    if (target->database != NULL)
        name = target->database;
    byte_buffer_put_text(out, name);
    PQconninfoFree(options);
    PQconninfoFree(defaults);
    return true;
}

static const char *known(const char *text)
{
    return text == NULL ? "" : text;
}

void connection_place(const struct connection *connection, struct connection_place *place)
{
    *place = (struct connection_place){
        .host = known(PQhost(connection->handle)),
        .port = known(PQport(connection->handle)),
        .user = known(PQuser(connection->handle)),
        .database = known(PQdb(connection->handle)),
        .sslmode = "",
    };
}

/* Explains libpq's message by what was tried. */
static bool explain(struct connection *connection, const char *message, struct error *err)
{
    PQconninfoOption *options = PQconninfo(connection->handle);
    struct connection_place place;

    connection_place(connection, &place);
    place.sslmode = option_value(options, "sslmode", "");

    (void)connection_trouble_explain(&connection->trouble, message, &place, err);
    PQconninfoFree(options);
    return false;
}

/* How long to wait for all the hosts; libpq leaves that to its asynchronous callers. */
static int64_t connect_timeout_ms(PGconn *handle)
{
    PQconninfoOption *options = PQconninfo(handle);
    int64_t one_ms = CONNECT_TIMEOUT_MS;
    int64_t host_count = 1;

    for (const PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++) {
        if (o->val == NULL)
            continue;
        if (strcmp(o->keyword, "connect_timeout") == 0)
            one_ms = 1000 * strtoll(o->val, NULL, 10);
        for (const char *c = o->val; strncmp(o->keyword, "host", 4) == 0 && *c != '\0'; c++)
            host_count += *c == ',';
    }
    PQconninfoFree(options);
    return one_ms <= 0 ? INT64_MAX : one_ms * host_count;
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Sleeps until libpq can go on, stopping is requested, or the time is up. */
static bool sleep_for(
    struct connection *connection, short events, int64_t left_ms, struct error *err)
{
    struct pollfd fds[2] = {
        {.fd = PQsocket(connection->handle), .events = events},
        {.fd = connection->ignores_stop ? -1 : stop_fd(), .events = POLLIN},
    };

    if (!connection->ignores_stop && !stop_check(err))
        return false;
    if (left_ms <= 0)
        return explain(connection, "timeout expired", err);
    if (poll(fds, 2, left_ms > 60000 ? 60000 : (int)left_ms) < 0 && errno != EINTR)
        return error_set_errno(err, "cannot wait for PostgreSQL");
    return true;
}

static bool is_socket_ready(const struct connection *connection, short events)
{
    struct pollfd fd = {.fd = PQsocket(connection->handle), .events = events};

    return poll(&fd, 1, 0) > 0;
}

static bool wait_for_server(struct connection *connection, struct error *err)
{
    int64_t limit_ms = connect_timeout_ms(connection->handle);
    int64_t start_ms = now_ms();
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;

    while (PQstatus(connection->handle) != CONNECTION_BAD && state != PGRES_POLLING_OK
           && state != PGRES_POLLING_FAILED) {
        short events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT;

        if (!sleep_for(connection, events, limit_ms - (now_ms() - start_ms), err))
            return false;
        if (is_socket_ready(connection, events))
            state = PQconnectPoll(connection->handle);
    }
    if (PQstatus(connection->handle) == CONNECTION_OK)
        return true;
    return explain(connection, PQerrorMessage(connection->handle), err);
}

/* Keeps WARNINGs for the report; NOTICEs are switched off. */
static void on_notice(void *context, const PGresult *result)
{
    struct byte_buffer *warnings = context;
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    if (text == NULL || warnings->size + strlen(text) + 1 > WARNINGS_SIZE_MAX)
        return;
    byte_buffer_put_text(warnings, text);
    byte_buffer_put_u8(warnings, '\n');
}

/* So that the session of a client that was killed does not go on with a long statement, and keep
 * its locks. A server whose platform cannot tell refuses the setting; it works as well without. */
static bool end_with_client(struct connection *connection, struct error *err)
{
    struct error refusal;

    if (connection->version_num < 140000
        || connection_exec(connection, "SET client_connection_check_interval = 1000", &refusal))
        return true;
    if (refusal.kind == ERROR_DATABASE && !connection_is_lost(connection))
        return true;
    *err = refusal;
    return false;
}

static bool prepare_session(struct connection *connection, struct error *err)
{
    static const char settings[] =
        "SET client_min_messages = warning; SET standard_conforming_strings = on;"
        "SET datestyle = 'ISO, YMD'; SET intervalstyle = postgres; SET timezone = 'UTC';"
        "SET extra_float_digits = 3; SET bytea_output = hex; SET row_security = off;"
        "SET array_nulls = on; SET xmloption = content;"
        "SET default_transaction_isolation = 'read committed';"
        "SET statement_timeout = 0; SET lock_timeout = 0;"
        /* As a replica PostgreSQL checks no foreign key. Others than superusers may not change it:
           that is for who writes to see. */
        "SELECT pg_catalog.set_config('session_replication_role', 'origin', false)"
        " FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user AND r.rolsuper"
        " AND pg_catalog.current_setting('session_replication_role') = 'replica';";
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    const char *times;

    connection->version_num = PQserverVersion(connection->handle);
    if (connection->version_num < CONNECTION_VERSION_NUM_MIN)
        return error_set(err, ERROR_REFUSED,
            "the server is PostgreSQL %d.%d, expected 9.5 or later; upgrade it",
            connection->version_num / 10000, connection->version_num / 100 % 100);
    /* Their binary form would be another, and microseconds would get lost in them. */
    times = PQparameterStatus(connection->handle, "integer_datetimes");
    if (times != NULL && strcmp(times, "off") == 0)
        return error_set(err, ERROR_REFUSED,
            "the server keeps times as floating-point numbers (integer_datetimes is off); "
            "take one that keeps them as integers, as all do since PostgreSQL 10");
    quote_plain(&sql, connection_path_settings);
    quote_plain(&sql, settings);
    if (connection->version_num >= 90600)
        quote_plain(&sql, "SET idle_in_transaction_session_timeout = 0;");
    if (connection->version_num >= 140000)
        quote_plain(&sql, "SET idle_session_timeout = 0;");
    if (connection->version_num >= 170000)
        quote_plain(&sql, "SET transaction_timeout = 0;");
    return connection_exec(connection, quote_text(&sql), err) && end_with_client(connection, err);
}

bool connection_open(
    struct connection *connection, const struct connection_target *target, struct error *err)
{
    struct parameters parameters = {.count = 0};
    bool ignores_stop = connection->ignores_stop;

    *connection = (struct connection){.ignores_stop = ignores_stop};
    if (!collect(&parameters, target, err))
        return false;
    connection->warnings = byte_buffer_calloc(1, sizeof(*connection->warnings));
    connection->handle =
        PQconnectStartParams(parameters.keywords, parameters.values, target->dsn != NULL);
    if (connection->handle == NULL)
        abort(); /* out of memory */
    /* Makes libpq write the SQLSTATE into its message, whatever language the server speaks. */
    PQsetErrorVerbosity(connection->handle, PQERRORS_VERBOSE);
    PQsetNoticeReceiver(connection->handle, on_notice, connection->warnings);
    if (!wait_for_server(connection, err))
        return false;
    PQsetErrorVerbosity(connection->handle, PQERRORS_DEFAULT);
    if (PQsetnonblocking(connection->handle, 1) != 0)
        return connection_wait_failed(connection, NULL, err);
    return prepare_session(connection, err);
}

void connection_release(struct connection *connection)
{
    PQfinish(connection->handle);
    if (connection->warnings != NULL)
        byte_buffer_release(connection->warnings);
    free(connection->warnings);
    *connection = (struct connection){0};
}

bool connection_is_lost(const struct connection *connection)
{
    return PQstatus(connection->handle) != CONNECTION_OK;
}

int connection_own_port(const struct connection *connection)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {.any = {.sa_family = AF_UNSPEC}};
    socklen_t size = sizeof(address);

    if (getsockname(PQsocket(connection->handle), &address.any, &size) != 0)
        return 0;
    if (address.any.sa_family == AF_INET)
        return ntohs(address.v4.sin_port);
    return address.any.sa_family == AF_INET6 ? ntohs(address.v6.sin6_port) : 0;
}

int connection_peer_process(const struct connection *connection)
{
    struct ucred peer = {0};
    socklen_t size = sizeof(peer);

    if (connection_own_port(connection) != 0
        || getsockopt(PQsocket(connection->handle), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return 0;
    return (int)peer.pid;
}

int connection_backend_pid(const struct connection *connection)
{
    return PQbackendPID(connection->handle);
}

/* --- statements ------------------------------------------------------------- */

bool connection_exec(struct connection *connection, const char *sql, struct error *err)
{
    if (!connection_wait_start(connection, err))
        return false;
    if (PQsendQuery(connection->handle, sql) == 0)
        return connection_wait_failed(connection, NULL, err);
    return connection_wait_end(connection, NULL, err);
}

bool connection_exec_count(
    struct connection *connection, const char *sql, uint64_t *row_count, struct error *err)
{
    PGresult *last = NULL;
    bool done;

    if (!connection_wait_start(connection, err))
        return false;
    if (PQsendQuery(connection->handle, sql) == 0)
        return connection_wait_failed(connection, NULL, err);
    done = connection_wait_end(connection, &last, err);
    if (done)
        *row_count = strtoull(PQcmdTuples(last), NULL, 10);
    PQclear(last);
    return done;
}

static bool send_query(struct connection *connection, const char *sql,
    const struct connection_values *values, const Oid *types, struct error *err)
{
    if (!connection_wait_start(connection, err))
        return false;
    return PQsendQueryParams(
               connection->handle, sql, (int)values->count, types, values->items, NULL, NULL, 0)
               != 0
           || connection_wait_failed(connection, NULL, err);
}

static bool take_rows(
    struct connection *connection, struct connection_rows *rows, struct error *err)
{
    PGresult *last = NULL;

    if (!connection_wait_end(connection, &last, err)) {
        PQclear(last);
        return false;
    }
    rows->handle = last;
    rows->row_count = (size_t)PQntuples(last);
    rows->column_count = (size_t)PQnfields(last);
    return true;
}

bool connection_query(struct connection *connection, const char *sql,
    const struct connection_values *values, struct connection_rows *rows, struct error *err)
{
    static const struct connection_values none = {0};

    connection_rows_release(rows);
    return send_query(connection, sql, values == NULL ? &none : values, NULL, err)
           && take_rows(connection, rows, err);
}

bool connection_query_texts(struct connection *connection, const char *sql,
    const struct connection_values *values, struct connection_rows *rows, struct error *err)
{
    Oid *types = byte_buffer_calloc(values->count + 1, sizeof(*types));
    bool sent;

    for (size_t i = 0; i < values->count; i++)
        types[i] = TEXT_OID;
    connection_rows_release(rows);
    sent = send_query(connection, sql, values, types, err);
    free(types);
    return sent && take_rows(connection, rows, err);
}

bool connection_exec_texts(struct connection *connection, const char *sql,
    const struct connection_values *values, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};

    return connection_query_texts(connection, sql, values, &rows, err);
}

void connection_rows_release(struct connection_rows *rows)
{
    PQclear(rows->handle);
    *rows = (struct connection_rows){0};
}

const char *connection_rows_text(const struct connection_rows *rows, size_t row, size_t column)
{
    assert(row < rows->row_count && column < rows->column_count);
    if (PQgetisnull(rows->handle, (int)row, (int)column))
        return NULL;
    return PQgetvalue(rows->handle, (int)row, (int)column);
}

int64_t connection_rows_integer(const struct connection_rows *rows, size_t row, size_t column)
{
    const char *text = connection_rows_text(rows, row, column);

    return text == NULL ? 0 : strtoll(text, NULL, 10);
}

bool connection_rows_boolean(const struct connection_rows *rows, size_t row, size_t column)
{
    const char *text = connection_rows_text(rows, row, column);

    return text != NULL && text[0] == 't';
}
