#include "postgres/connection_trouble.h"

#include <stdio.h>
#include <string.h>

#define MESSAGE_SIZE 600 /* bytes of libpq's message that are shown */

struct advice {
    const char *sqlstate; /* NULL: libpq's own message */
    const char *words;    /* that the message has; NULL: any */
    const char *text;
};

/* The first that fits counts. */
static const struct advice advices[] = {
    {"28000", "no pg_hba.conf entry",
        "pg_hba.conf has no line for this user, database and address; add one such as \"host DATABASE USER ADDRESS/32 scram-sha-256\", then reload the server (if it says \"no encryption\", sslmode=require may be all that is missing)"},
    {"28000", "pg_hba.conf rejects",
        "a line of pg_hba.conf rejects this user, database or address; the first line that matches counts"},
    {"28000", "Peer authentication",
        "over a local socket pg_hba.conf asks for peer authentication: the operating system's user must have the role's name. Run this as that user, or give a host (127.0.0.1) and a password"},
    {"28000", "Ident authentication",
        "pg_hba.conf asks for ident authentication; change that line to scram-sha-256 (the first line that matches counts), reload the server, and give a password"},
    {"28000", "does not exist", "the role is missing; make it with: createuser --pwprompt ROLE"},
    {"28000", "not permitted to log in", "allow it with: ALTER ROLE ... LOGIN"},
    {"28000", "certificate", "the server asks for a client certificate; give sslcert and sslkey"},
    {"28000", NULL, "look at the line of pg_hba.conf that matches first, and at the server's log"},
    {"28P01", NULL,
        "the password is wrong, has expired or was never set (ALTER ROLE ... PASSWORD); the server's log says which. The first line of pg_hba.conf that matches counts"},
    {"3D000", NULL,
        "the database is missing; make it with: createdb --encoding=UTF8 --locale=C --template=template0 --owner=ROLE DATABASE"},
    {"53300", "for role",
        "the role has a CONNECTION LIMIT, and a replay needs two at least: ALTER ROLE ... CONNECTION LIMIT 8"},
    {"53300", "for database",
        "the database has a CONNECTION LIMIT, and a replay needs two at least: ALTER DATABASE ... CONNECTION LIMIT 8"},
    {"53300", NULL,
        "all connections of the server are in use; stop other programs, use fewer with --jobs, or raise max_connections"},
    {"57P03", NULL, "the server is starting, stopping or recovering; try again in a minute"},
    {"55000", NULL,
        "the database does not accept connections; ALTER DATABASE ... ALLOW_CONNECTIONS true"},
    {"42501", NULL, "allow it with: GRANT CONNECT ON DATABASE ... TO ROLE"},
    {"08P01", NULL,
        "a connection pooler such as PgBouncer may be in between; connect to PostgreSQL itself"},
    {NULL, "no password supplied",
        "the server asks for a password and none is given: set password (or passfile), PGPASSWORD or ~/.pgpass"},
    {NULL, "Connection refused",
        "nothing listens there: is PostgreSQL running, are host and port right (pg_lsclusters shows the port), does listen_addresses in postgresql.conf include that address?"},
    {NULL, ".s.PGSQL.",
        "there is no such local socket: is PostgreSQL running here, is the port right (pg_lsclusters shows it)? Give a host for a server elsewhere, or the folder of unix_socket_directories as host"},
    {NULL, "translate host name",
        "the host's name is unknown; look for a typing error, or try its address"},
    {NULL, "timeout expired",
        "the host does not answer: is the address right, does a firewall stand between? connect_timeout sets how long to wait"},
    {NULL, "does not support SSL",
        "sslmode demands encryption but the server has ssl = off; turn it on there, or use sslmode=prefer if the network between is trusted"},
    {NULL, "root certificate file",
        "sslmode=verify-ca and verify-full need the server's authority in sslrootcert"},
    {NULL, "certificate verify failed",
        "the server's certificate is not signed by the authority in sslrootcert, or has expired"},
    {NULL, "does not match host name",
        "with sslmode=verify-full, host must be a name in the server's certificate"},
    {NULL, "private key file", "look at the owner and the mode (0600) of sslkey"},
    {NULL, "No route to host", "the host cannot be reached; look at the network and the firewall"},
    {NULL, "is unreachable", "the host cannot be reached; look at the network and the firewall"},
    {NULL, "expected authentication request",
        "what listens there is not PostgreSQL; look at the port"},
    {NULL, "invalid response to SSL", "what listens there is not PostgreSQL; look at the port"},
    {NULL, "closed the connection unexpectedly",
        "the server gave up; its log says why, unless something else listens on that port"},
    {NULL, "definition of service", "look at the service file (PGSERVICEFILE, ~/.pg_service.conf)"},
    {NULL, NULL, "look at host, port, user and dbname, and at the server's log"},
};

/* Advice within a session. */
static const struct advice session_advices[] = {
    {"08P01", NULL,
        "a connection pooler such as PgBouncer may be in between: give its pool (default_pool_size) two connections more than --jobs, use fewer with --jobs, or connect to PostgreSQL itself"},
    {"25006", NULL, "the database is read-only: a standby, or default_transaction_read_only is on"},
    {"40P01", NULL, "another session works in these tables; stop it and start again"},
    {"53100", NULL, "the server's disk is full; make room and start again"},
    {"53200", NULL, "the server is out of memory, or max_locks_per_transaction is too small"},
    {"53300", NULL, "all connections are in use; use fewer with --jobs"},
    {"55P03", NULL, "another session holds a lock on it; stop that session and start again"},
    {"57P01", NULL, "the server was stopped, or an administrator ended the session; start again"},
    {"57P02", NULL, "another process of the server crashed; look at its log, then start again"},
};

const char *connection_trouble_advice(const char *sqlstate)
{
    for (size_t i = 0; i < sizeof(session_advices) / sizeof(*session_advices); i++) {
        if (strcmp(session_advices[i].sqlstate, sqlstate) == 0)
            return session_advices[i].text;
    }
    return NULL;
}

static bool is_sqlstate(const char *text)
{
    for (size_t i = 0; i < 5; i++) {
        if (!(text[i] >= '0' && text[i] <= '9') && !(text[i] >= 'A' && text[i] <= 'Z'))
            return false;
    }
    return text[5] == ':' && text[6] == ' ';
}

static bool starts_with(const char *text, const char *words)
{
    return strncmp(text, words, strlen(words)) == 0;
}

/* Bytes of the end of a line, with a LOCATION line and the indentation that follow. */
static size_t line_end_size(const char *text)
{
    size_t size = 0;

    while (text[size] == '\n') {
        size++;
        if (starts_with(text + size, "LOCATION:"))
            size += strcspn(text + size, "\n");
        else
            size += strspn(text + size, " \t");
    }
    return size;
}

/*
 * Rewrites libpq's message as one line without SQLSTATEs and LOCATION, and
 * keeps the last SQLSTATE: with several hosts or an SSL fallback, the last
 * attempt's.
 */
static void simplify(const char *message, char *out, size_t size, char *sqlstate)
{
    size_t used = 0;

    while (*message != '\0' && used + 3 < size) {
        if (starts_with(message, ":  ") && is_sqlstate(message + 3)) {
            memcpy(sqlstate, message + 3, 5);
            message += 10;
            used += (size_t)snprintf(out + used, size - used, ": ");
        } else if (*message == '\n') {
            message += line_end_size(message);
            if (*message != '\0')
                used += (size_t)snprintf(out + used, size - used, "; ");
        } else {
            out[used++] = *message++;
        }
    }
    out[used] = '\0';
}

static bool fits(const struct advice *advice, const char *sqlstate, const char *message)
{
    if (advice->sqlstate != NULL ? strcmp(advice->sqlstate, sqlstate) != 0 : sqlstate[0] != '\0')
        return advice->sqlstate == NULL && advice->words == NULL;
    return advice->words == NULL || strstr(message, advice->words) != NULL;
}

bool connection_trouble_explain(const char *message, struct error *err)
{
    char text[MESSAGE_SIZE];
    char sqlstate[6] = "";
    const struct advice *advice = advices;

    simplify(message, text, sizeof(text), sqlstate);
    if (sqlstate[0] == '\0' && starts_with(text, "invalid "))
        return error_set(err, ERROR_USAGE, "libpq refuses a connection parameter: %s", text);
    while (!fits(advice, sqlstate, message))
        advice++;
    return error_set(err, ERROR_DATABASE, "cannot connect to PostgreSQL: %s%s%s%s. %s", text,
        sqlstate[0] == '\0' ? "" : " (", sqlstate, sqlstate[0] == '\0' ? "" : ")", advice->text);
}
