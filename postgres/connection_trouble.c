#include "postgres/connection_trouble.h"

#include "base/owned.h"
#include "postgres/quote.h"

#include <stdio.h>
#include <string.h>

#define MESSAGE_SIZE 500 /* bytes of libpq's message that are shown */

/*
 * How to explain one trouble. {role}, {database}, {ROLE}, {DATABASE} and {port} stand
 * for the names, the capital ones as SQL and pg_hba.conf write them, the others as a shell does.
 */
struct advice {
    const char *sqlstate; /* NULL: libpq's own message */
    const char *words;    /* that the message has; NULL: any */
    const char *name;
    const char *text;
    const char *mend; /* commands, one a line; NULL: none */
};

#define RELOAD "$ sudo -u postgres psql -c 'SELECT pg_reload_conf()'"
#define FIND_HBA "$ sudo -u postgres psql -p {port} -Atc 'SHOW hba_file'"
#define CREATE_DATABASE \
    "$ createdb --encoding=UTF8 --locale=C --template=template0 --owner={role} {database}"

static const char no_line[] = "no pg_hba.conf entry";

/* Where encryption was switched off here, the server may only be missing that. */
static const struct advice ssl_required = {"28000", no_line, "ssl-required",
    "pg_hba.conf has no line that lets this user in without encryption; give sslmode=require",
    "sslmode=require"};

static const char client_certificate[] =
    "the server wants a client certificate: give sslcert and sslkey, signed by an authority of its ssl_ca_file. Where pg_hba.conf says cert, the certificate's common name must be the role's, or pg_ident.conf must map it";

static const char setting_refused[] =
    "the server does not take a setting: look at options in the DSN, and at PGOPTIONS, PGTZ, PGDATESTYLE and PGGEQO in the environment";

static const char session_attributes[] =
    "no host is of the kind that target_session_attrs (or PGTARGETSESSIONATTRS) demands; a replay needs read-write";

/* The first that fits counts. */
static const struct advice advices[] = {
    {"28000", no_line, "hba-missing",
        "pg_hba.conf has no line for this user, database and address; it must stand above any other line that matches them (the first one that matches counts), then the server must reload. If only hostssl lines match, sslmode=require is what is missing",
        FIND_HBA "\n{HBA}\n" RELOAD},
    {"28000", "pg_hba.conf rejects", "hba-rejects",
        "a \"reject\" line of pg_hba.conf matches this user, database and address first; put a line that allows them above it",
        FIND_HBA "\n{HBA}\n" RELOAD},
    {"28000", "Peer authentication", "peer-failed",
        "over a local socket pg_hba.conf asks for peer authentication: the operating system's user must have the role's name. Run this as that user, or give a host (127.0.0.1) and a password, or put the line below above the one with peer",
        FIND_HBA "\nlocal {DATABASE} {ROLE} scram-sha-256\n" RELOAD},
    {"28000", "Ident authentication", "ident-failed",
        "pg_hba.conf asks for ident authentication, which nothing answers here; change that line to scram-sha-256, or put the line below above it (the first one that matches counts), reload the server, and give a password",
        FIND_HBA "\n{HBA}\n" RELOAD},
    {"28000", "does not exist", "role-missing", "the role is missing; make it",
        "$ createuser --pwprompt {role}"},
    {"28000", "not permitted to log in", "role-no-login", "the role may not log in; allow it",
        "ALTER ROLE {ROLE} LOGIN;"},
    {"28000", "certificate", "client-certificate", client_certificate, NULL},
    {"28000", NULL, "authentication-failed",
        "the method of the first line of pg_hba.conf that matches said no; the server's log says why. Or put the line below above it, and give a password",
        FIND_HBA "\n{HBA}\n" RELOAD},
    {"28P01", NULL, "password-wrong",
        "the password is wrong, has expired or was never set, or there is no such role; the server's log says which. The first line of pg_hba.conf that matches counts",
        "\\password {ROLE}"},
    {"3D000", NULL, "database-missing",
        "the database is missing; make it (valise-replay --create-database does the same)",
        CREATE_DATABASE},
    {"53300", "for role", "role-connection-limit",
        "the role has a CONNECTION LIMIT, and a replay needs two at least",
        "ALTER ROLE {ROLE} CONNECTION LIMIT -1;"},
    {"53300", "for database", "database-connection-limit",
        "the database has a CONNECTION LIMIT, and a replay needs two at least",
        "ALTER DATABASE {DATABASE} CONNECTION LIMIT -1;"},
    {"53300", NULL, "too-many-connections",
        "all connections of the server are in use; stop other programs, use fewer with --jobs, or raise max_connections, which needs a restart",
        "ALTER SYSTEM SET max_connections = 200;"},
    {"57P03", NULL, "server-starting",
        "the server is starting, stopping or recovering; try again in a minute", NULL},
    {"55000", NULL, "database-closed", "the database does not accept connections",
        "ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS true;"},
    {"42501", NULL, "connect-privilege", "the role may not connect to this database; allow it",
        "GRANT CONNECT ON DATABASE {DATABASE} TO {ROLE};"},
    {"08P01", NULL, "pooler",
        "a connection pooler such as PgBouncer may be in between; connect to PostgreSQL itself",
        NULL},
    {NULL, "no password supplied", "password-missing",
        "the server asks for a password and none is given: set password (or passfile), PGPASSWORD or ~/.pgpass",
        NULL},
    {"22023", NULL, "setting-refused", setting_refused, NULL},
    {"42601", NULL, "setting-refused", setting_refused, NULL},
    {"42704", NULL, "setting-refused", setting_refused, NULL},
    {NULL, "hot standby mode", "setting-refused", session_attributes, NULL},
    {NULL, "session is read-only", "setting-refused", session_attributes, NULL},
    {NULL, "session is not read-only", "setting-refused", session_attributes, NULL},
    {NULL, "requirepeer", "setting-refused",
        "requirepeer (or PGREQUIREPEER) demands that the server runs as another user than it does",
        NULL},
    {NULL, "GSSAPI", "setting-refused",
        "gssencmode (or PGGSSENCMODE) demands encryption by GSSAPI; use gssencmode=prefer", NULL},
    {NULL, "channel binding", "setting-refused",
        "channel_binding=require (or PGCHANNELBINDING) needs TLS and a password that is stored as scram-sha-256; use channel_binding=prefer",
        NULL},
    {NULL, "failed: Permission denied", "no-socket",
        "the user that runs this may not use the server's socket: look at the rights of its folder and at unix_socket_permissions, or give a host",
        NULL},
    {NULL, "Connection refused", "connection-refused",
        "nothing listens there: is PostgreSQL running, are host and port right, does listen_addresses in postgresql.conf include that address?",
        "$ pg_lsclusters\nALTER SYSTEM SET listen_addresses = '*';"},
    {NULL, "Too many open files", "connection-failed",
        "this program may open too few files: raise the limit (ulimit -n)", NULL},
    {NULL, ".s.PGSQL.", "no-socket",
        "there is no such local socket: is PostgreSQL running here, is the port right? Give a host for a server elsewhere, or the folder of unix_socket_directories as host",
        "$ pg_lsclusters"},
    {NULL, "translate host name", "host-unknown",
        "the host's name is unknown; look for a typing error, or try its address", NULL},
    {NULL, "timeout expired", "timeout",
        "the host does not answer: is the address right, does a firewall stand between? connect_timeout sets how long to wait",
        NULL},
    {NULL, "does not support SSL", "ssl-unsupported",
        "sslmode demands encryption but the server has ssl = off; turn it on there (with ssl_cert_file and ssl_key_file, then a reload), or use sslmode=prefer if the network between is trusted",
        "ALTER SYSTEM SET ssl = on;"},
    {NULL, "root certificate file", "ssl-root-certificate",
        "sslmode=verify-ca and verify-full need the server's authority in sslrootcert", NULL},
    {NULL, "certificate verify failed", "ssl-certificate",
        "the server's certificate is not signed by the authority in sslrootcert, or has expired",
        NULL},
    {NULL, "does not match host name", "ssl-host-name",
        "with sslmode=verify-full, host must be a name in the server's certificate", NULL},
    {NULL, "private key file", "ssl-key",
        "sslkey must be there, belong to sslcert and to who runs this, with mode 0600", NULL},
    {NULL, "alert unknown ca", "client-certificate", client_certificate, NULL},
    {NULL, "alert decrypt error", "client-certificate", client_certificate, NULL},
    {NULL, "alert bad certificate", "client-certificate", client_certificate, NULL},
    {NULL, "alert certificate", "client-certificate", client_certificate, NULL},
    {NULL, "No route to host", "host-unreachable",
        "the host cannot be reached; look at the network and the firewall", NULL},
    {NULL, "is unreachable", "host-unreachable",
        "the host cannot be reached; look at the network and the firewall", NULL},
    {NULL, "expected authentication request", "not-postgresql",
        "what listens there is not PostgreSQL; look at the port", NULL},
    {NULL, "invalid response to SSL", "not-postgresql",
        "what listens there is not PostgreSQL; look at the port", NULL},
    {NULL, "closed the connection unexpectedly", "connection-closed",
        "the server gave up; its log says why, unless something else listens on that port", NULL},
    {NULL, "definition of service", "service-missing",
        "look at the service file (PGSERVICEFILE, ~/.pg_service.conf)", NULL},
    {NULL, NULL, "connection-failed",
        "look at host, port, user and dbname, and at the server's log", NULL},
};

/* Advice within a session. */
static const struct {
    const char *sqlstate;
    const char *text;
} session_advices[] = {
    {"08P01",
        "a connection pooler such as PgBouncer may be in between: give its pool (default_pool_size) two connections more than --jobs, use fewer with --jobs, or connect to PostgreSQL itself"},
    {"25006", "the database is read-only: a standby, or default_transaction_read_only is on"},
    {"40P01", "another session works in these tables; stop it and start again"},
    {"53100", "the server's disk is full; make room and start again"},
    {"53200", "the server is out of memory, or of room for locks"},
    {"53300", "all connections are in use; use fewer with --jobs"},
    {"55P03", "another session holds a lock on it; stop that session and start again"},
    {"57P01", "the server was stopped, or an administrator ended the session; start again"},
    {"57P02", "another process of the server crashed; look at its log, then start again"},
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

/* libpq tries again without encryption, and tells both failures: once is enough if they are one. */
static void drop_repetition(char *text)
{
    size_t size = strlen(text);
    size_t half = size < 2 ? 0 : (size - 2) / 2;

    if (half > 0 && size == 2 * half + 2 && memcmp(text + half, "; ", 2) == 0
        && memcmp(text, text + half + 2, half) == 0)
        text[half] = '\0';
}

static bool fits(const struct advice *advice, const char *sqlstate, const char *message)
{
    if (advice->sqlstate != NULL ? strcmp(advice->sqlstate, sqlstate) != 0 : sqlstate[0] != '\0')
        return advice->sqlstate == NULL && advice->words == NULL;
    return advice->words == NULL || strstr(message, advice->words) != NULL;
}

/* --- what to do ---------------------------------------------------------------- */

/* The address in 'for host "192.0.2.1", user ...' as pg_hba.conf writes it; false: a local socket.
 */
static bool find_address(const char *message, const char *host, char *out, size_t size)
{
    const char *start = strstr(message, "for host \"");
    size_t length;

    if (start == NULL) {
        bool is_here = strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0
                       || strcmp(host, "localhost") == 0;

        snprintf(out, size, "%s", is_here ? "samehost" : "ADDRESS/32");
        return host[0] != '/' && host[0] != '\0';
    }
    start += strlen("for host \"");
    length = strcspn(start, "\"");
    if (start[0] == '[')
        return false;
    snprintf(out, size, "%.*s/%d", (int)length, start, memchr(start, ':', length) ? 128 : 32);
    return true;
}

static void put_hba_line(
    struct byte_buffer *out, const char *message, const struct connection_place *place)
{
    char address[100];
    bool is_remote = find_address(message, place->host, address, sizeof(address));

    quote_plain(out, is_remote ? "host " : "local ");
    quote_name(out, place->database);
    quote_plain(out, " ");
    quote_name(out, place->user);
    quote_plain(out, " ");
    quote_plain(out, is_remote ? address : "");
    quote_plain(out, is_remote ? " scram-sha-256" : "scram-sha-256");
}

static void put_name(struct byte_buffer *out, const char *word, const char *message,
    const struct connection_place *place)
{
    if (starts_with(word, "{HBA}"))
        put_hba_line(out, message, place);
    else if (starts_with(word, "{ROLE}"))
        quote_shown_name(out, place->user);
    else if (starts_with(word, "{DATABASE}"))
        quote_shown_name(out, place->database);
    else if (starts_with(word, "{role}"))
        quote_shell(out, place->user);
    else if (starts_with(word, "{database}"))
        quote_shell(out, place->database);
    else
        quote_shell(out, place->port);
}

static void put_mend(struct byte_buffer *out, const char *mend, const char *message,
    const struct connection_place *place)
{
    while (mend != NULL && *mend != '\0') {
        size_t plain = strcspn(mend, "{");

        byte_buffer_put(out, mend, plain);
        mend += plain;
        if (*mend == '{') {
            put_name(out, mend, message, place);
            mend += strcspn(mend, "}") + 1;
        }
    }
}

static const struct advice *find_advice(
    const char *message, const char *sqlstate, const struct connection_place *place)
{
    const struct advice *advice = advices;

    if (strcmp(place->sslmode, "disable") == 0 && fits(&ssl_required, sqlstate, message))
        return &ssl_required;
    while (!fits(advice, sqlstate, message))
        advice++;
    return advice;
}

static bool ends_sentence(const char *text)
{
    size_t size = strlen(text);

    return size > 0 && strchr(".?!", text[size - 1]) != NULL;
}

/* Shows commands behind the advice, as a sentence: line feeds are semicolons. */
static void put_sentence(
    struct byte_buffer *out, const char *advice, const struct byte_buffer *mend)
{
    quote_plain(out, ends_sentence(advice) ? " " : ": ");
    for (size_t i = 0; i < mend->size; i++) {
        if (mend->data[i] == '\n')
            quote_plain(out, " ; ");
        else
            byte_buffer_put_u8(out, mend->data[i]);
    }
}

bool connection_trouble_explain(struct connection_trouble *trouble, const char *message,
    const struct connection_place *place, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer mend = {0};
    OWNED(byte_buffer) struct byte_buffer sentence = {0};
    char text[MESSAGE_SIZE];
    char sqlstate[6] = "";
    const struct advice *advice;

    simplify(message, text, sizeof(text), sqlstate);
    drop_repetition(text);
    if (sqlstate[0] == '\0' && starts_with(text, "invalid "))
        return error_set(err, ERROR_USAGE, "libpq refuses a connection parameter: %s", text);
    advice = find_advice(message, sqlstate, place);
    put_mend(&mend, advice->mend, text, place);
    trouble->name = advice->name;
    trouble->advice = advice->text;
    snprintf(trouble->message, sizeof(trouble->message), "%s%s%s%s", text,
        sqlstate[0] == '\0' ? "" : " (", sqlstate, sqlstate[0] == '\0' ? "" : ")");
    snprintf(trouble->mend, sizeof(trouble->mend), "%s", quote_text(&mend));
    if (mend.size > 0)
        put_sentence(&sentence, advice->text, &mend);
    return error_set(err, ERROR_DATABASE, "cannot connect to PostgreSQL: %s%s %s%s",
        trouble->message, ends_sentence(trouble->message) ? "" : ".", advice->text,
        quote_text(&sentence));
}
