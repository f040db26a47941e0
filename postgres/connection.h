/*
 * One session with a PostgreSQL server.
 *
 * With connection_*.h the only place that talks libpq. Text is UTF-8 both ways. Every call that
 * waits for the server also waits for stop_fd(): when stopping is requested the
 * statement is cancelled and the call fails with ERROR_STOPPED; the session
 * stays usable (for a rollback). All other failures are ERROR_DATABASE and
 * carry the server's message, SQLSTATE, detail and hint. Not for use by two
 * threads at once. Zero-initialise.
 */
#ifndef POSTGRES_CONNECTION_H
#define POSTGRES_CONNECTION_H

#include "base/byte_buffer.h"
#include "base/error.h"
#include "postgres/connection_trouble.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONNECTION_VERSION_NUM_MIN 90500 /* PostgreSQL 9.5 */
#define CONNECTION_SQLSTATE_SIZE 6       /* bytes, with the final NUL */

/*
 * Where to connect. Keywords are libpq's; what is absent comes from libpq's
 * environment (PGHOST, ...), service file and password file. Borrowed texts.
 */
struct connection_target {
    const char *dsn;             /* URI or "host=... dbname=..."; NULL: keywords */
    const char *const *keywords; /* ended by NULL; NULL: environment alone */
    const char *const *values;
    const char *database;    /* instead of the one that all this names; NULL: that one */
    const char *application; /* application_name; NULL: valise-replay */
};

struct connection {
    struct pg_conn *handle; /* owned */
    int version_num;        /* the server's, as 150004 */
    bool ignores_stop;      /* set it to clean up after stopping was requested */
    char
        sqlstate[CONNECTION_SQLSTATE_SIZE]; /* of the last failure; "" when the server named none */
    struct connection_trouble trouble;      /* why it could not be opened */
    struct byte_buffer *warnings; /* owned: the server's warnings, one a line, the first 8 KiB */
};

/*
 * Opens a session: the application_name asked for, client_encoding UTF8, no
 * statement, lock or idle timeouts, row_security off, ISO dates in UTC,
 * extra_float_digits 3; where the server can (PostgreSQL 14 on most platforms), it ends by itself
 * within seconds of its client's death. Names are found as connection_path.h says. Fails with
 * ERROR_USAGE for a keyword or DSN that libpq refuses, else ERROR_DATABASE with an
 * explanation of what to look at, ERROR_REFUSED for a server older than 9.5, or ERROR_STOPPED. No
 * message ever holds a password.
 */
MUST_CHECK bool connection_open(
    struct connection *connection, const struct connection_target *target, struct error *err);

void connection_release(struct connection *connection);

/*
 * The name of the database that a target means, in out; "" when nothing names one (libpq would take
 * the user's name). Fails with ERROR_USAGE for a DSN that libpq does not understand.
 */
MUST_CHECK bool connection_target_database(
    const struct connection_target *target, struct byte_buffer *out, struct error *err);

/* Is this one of libpq's keywords ("host", "sslmode", ...)? */
bool connection_knows_keyword(const char *keyword);

/* Is the session gone (server stopped, network, terminated by an administrator)? */
bool connection_is_lost(const struct connection *connection);

/* Where a session that is open came about; sslmode is left out. Borrowed from the connection. */
void connection_place(const struct connection *connection, struct connection_place *place);

/* Our own TCP port, as the server sees it unless something forwards; 0 for a local socket. */
int connection_own_port(const struct connection *connection);

/* The process that listens at our local socket; 0: a connection by TCP, or it cannot be known. */
int connection_peer_process(const struct connection *connection);

/* The backend's process id, as in pg_stat_activity. */
int connection_backend_pid(const struct connection *connection);

/* --- statements ------------------------------------------------------------ */

/* Rows of a result. Texts are borrowed until release. Zero-initialise. */
struct connection_rows {
    struct pg_result *handle; /* owned */
    size_t row_count;
    size_t column_count;
};

void connection_rows_release(struct connection_rows *rows);

/* The text of a value; NULL for SQL's NULL. */
const char *connection_rows_text(const struct connection_rows *rows, size_t row, size_t column);

/* Values that cannot be misread because the query casts them; 0 or false for NULL. */
int64_t connection_rows_integer(const struct connection_rows *rows, size_t row, size_t column);
bool connection_rows_boolean(const struct connection_rows *rows, size_t row, size_t column);

/* Values for $1, $2, ... as text; a NULL item is SQL's NULL. */
struct connection_values {
    const char *const *items;
    size_t count;
};

/* Executes one or several statements, dropping any rows. */
MUST_CHECK bool connection_exec(struct connection *connection, const char *sql, struct error *err);

/* As connection_exec, and stores how many rows the last statement touched. */
MUST_CHECK bool connection_exec_count(
    struct connection *connection, const char *sql, uint64_t *row_count, struct error *err);

/* Executes one statement; values may be NULL when it has no $n. */
MUST_CHECK bool connection_query(struct connection *connection, const char *sql,
    const struct connection_values *values, struct connection_rows *rows, struct error *err);

/* As connection_exec of one statement, with values that are of type text; it need not use all. */
MUST_CHECK bool connection_exec_texts(struct connection *connection, const char *sql,
    const struct connection_values *values, struct error *err);

/* As connection_query, likewise. */
MUST_CHECK bool connection_query_texts(struct connection *connection, const char *sql,
    const struct connection_values *values, struct connection_rows *rows, struct error *err);

#endif
