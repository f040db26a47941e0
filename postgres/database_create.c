#include "postgres/database_create.h"

#include "base/owned.h"
#include "base/safe_text.h"
#include "postgres/quote.h"

#include <string.h>

/* What is to be made, and where. */
struct creation {
    struct connection *connection; /* to another database of the server */
    const char *database;
    const char *owner; /* NULL: whoever connects */
};

/* --- connecting ---------------------------------------------------------------- */

/* The name of the database must be said: libpq's default, the user's name, is a guess. */
static bool read_name(
    const struct connection_target *target, struct byte_buffer *name, struct error *err)
{
    if (!connection_target_database(target, name, err))
        return false;
    if (name->size == 0)
        return error_set(err, ERROR_USAGE,
            "which database? name it as dbname=... (in --dsn, the configuration, or PGDATABASE)");
    if (strlen(quote_text(name)) > 63)
        return error_set(err, ERROR_USAGE,
            "the database's name has %zu bytes; PostgreSQL takes 63 at most", name->size);
    return true;
}

static bool connect(struct connection *connection, const struct connection_target *target,
    const char *database, struct error *err)
{
    static const char *const maintenance[] = {"postgres", "template1"};
    struct connection_target elsewhere = *target;

    for (size_t i = 0; i < 2; i++) {
        if (strcmp(maintenance[i], database) == 0)
            continue;
        connection_release(connection);
        elsewhere.database = maintenance[i];
        if (connection_open(connection, &elsewhere, err))
            return true;
        if (connection->trouble.name == NULL
            || strcmp(connection->trouble.name, "database-missing") != 0)
            return false;
    }
    return false;
}

/* --- one that is there ----------------------------------------------------------- */

/* Appends "; <what> is <found>, expected <expected>" when they differ. */
static void compare(
    struct byte_buffer *list, const char *what, const char *found, const char *expected)
{
    if (found != NULL && strcmp(found, expected) == 0)
        return;
    quote_plain(list, list->size == 0 ? "" : ", ");
    quote_plain(list, what);
    quote_plain(list, " is ");
    safe_text_quote(list, found == NULL ? "" : found, found == NULL ? 0 : strlen(found));
    quote_plain(list, ", expected ");
    safe_text_quote(list, expected, strlen(expected));
}

/* *exists is false when there is none. Fails with ERROR_REFUSED when it is another kind. */
static bool check_existing(const struct creation *creation, bool *exists, struct error *err)
{
    const char *sql =
        creation->connection->version_num >= 150000
            ? "SELECT pg_encoding_to_char(encoding), datcollate, datctype,"
              " pg_get_userbyid(datdba), CASE datlocprovider WHEN 'c' THEN 'libc'"
              " WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE datlocprovider::text END"
              " FROM pg_database WHERE datname = $1"
            : "SELECT pg_encoding_to_char(encoding), datcollate, datctype,"
              " pg_get_userbyid(datdba), 'libc' FROM pg_database WHERE datname = $1";
    const struct connection_values values = {&creation->database, 1};
    OWNED(connection_rows) struct connection_rows rows = {0};
    OWNED(byte_buffer) struct byte_buffer list = {0};
    OWNED(byte_buffer) struct byte_buffer name = {0};

    if (!connection_query(creation->connection, sql, &values, &rows, err))
        return false;
    *exists = rows.row_count > 0;
    if (!*exists)
        return true;
    compare(&list, "its encoding", connection_rows_text(&rows, 0, 0), "UTF8");
    compare(&list, "its collation", connection_rows_text(&rows, 0, 1), "C");
    compare(&list, "its ctype", connection_rows_text(&rows, 0, 2), "C");
    compare(&list, "its locale provider", connection_rows_text(&rows, 0, 4), "libc");
    if (creation->owner != NULL)
        compare(&list, "its owner", connection_rows_text(&rows, 0, 3), creation->owner);
    if (list.size == 0)
        return true;
    safe_text_quote(&name, creation->database, strlen(creation->database));
    return error_set(err, ERROR_REFUSED,
        "database %s exists, but %s; take another name, or rename or drop that one yourself",
        quote_text(&name), quote_text(&list));
}

/* --- making it -------------------------------------------------------------------- */

static bool check_rights(const struct creation *creation, struct error *err)
{
    static const char sql[] =
        "SELECT r.rolcreatedb OR r.rolsuper, r.rolname,"
        " $1::name IS NULL OR EXISTS (SELECT 1 FROM pg_roles WHERE rolname = $1::name),"
        " (SELECT pg_has_role(o.oid, 'MEMBER') FROM pg_roles AS o WHERE o.rolname = $1::name)"
        " FROM pg_roles AS r WHERE r.rolname = current_user";
    const struct connection_values values = {&creation->owner, 1};
    OWNED(connection_rows) struct connection_rows rows = {0};
    OWNED(byte_buffer) struct byte_buffer role = {0};

    if (!connection_query(creation->connection, sql, &values, &rows, err))
        return false;
    if (rows.row_count != 1)
        return error_set(err, ERROR_DATABASE, "the role has no row in pg_roles");
    if (!connection_rows_boolean(&rows, 0, 0)) {
        quote_shown_name(&role, connection_rows_text(&rows, 0, 1));
        return error_set(err, ERROR_REFUSED,
            "the role %s may not create databases; connect as an administrator (postgres), or "
            "ALTER ROLE %s CREATEDB",
            quote_text(&role), quote_text(&role));
    }
    if (connection_rows_boolean(&rows, 0, 2) && creation->owner != NULL
        && !connection_rows_boolean(&rows, 0, 3)) {
        OWNED(byte_buffer) struct byte_buffer owner = {0};

        quote_shown_name(&owner, creation->owner);
        quote_shown_name(&role, connection_rows_text(&rows, 0, 1));
        return error_set(err, ERROR_REFUSED,
            "the role %s is no member of %s, so it may not give it a database; connect as a "
            "superuser, or GRANT %s TO %s",
            quote_text(&role), quote_text(&owner), quote_text(&owner), quote_text(&role));
    }
    if (!connection_rows_boolean(&rows, 0, 2)) {
        quote_shell(&role, creation->owner);
        return error_set(err, ERROR_REFUSED,
            "there is no role %s to own the database; make it with: createuser --pwprompt %s",
            quote_text(&role), quote_text(&role));
    }
    return true;
}

static bool make(const struct creation *creation, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    quote_plain(&sql, "CREATE DATABASE ");
    quote_name(&sql, creation->database);
    if (creation->owner != NULL) {
        quote_plain(&sql, " OWNER ");
        quote_name(&sql, creation->owner);
    }
    quote_plain(&sql, " TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'");
    if (creation->connection->version_num >= 150000)
        quote_plain(&sql, " LOCALE_PROVIDER libc");
    return connection_exec(creation->connection, quote_text(&sql), err);
}

/* Somebody else may have made it in the meantime. */
static bool is_taken(const struct connection *connection)
{
    return strcmp(connection->sqlstate, "42P04") == 0 || strcmp(connection->sqlstate, "23505") == 0;
}

static void report(struct byte_buffer *out, const struct creation *creation, bool existed)
{
    quote_plain(out, "database ");
    safe_text_quote(out, creation->database, strlen(creation->database));
    quote_plain(out, existed ? " exists already and is right" : " is made");
    quote_plain(out, ": UTF8, collation and ctype C");
    if (creation->owner != NULL) {
        quote_plain(out, ", owner ");
        safe_text_quote(out, creation->owner, strlen(creation->owner));
    }
    quote_plain(out, "\n");
}

bool database_create(const struct connection_target *target, const char *owner,
    struct byte_buffer *out, struct error *err)
{
    OWNED(connection) struct connection connection = {0};
    OWNED(byte_buffer) struct byte_buffer name = {0};
    struct creation creation = {.connection = &connection, .owner = owner};
    bool exists = false;

    if (!read_name(target, &name, err))
        return false;
    creation.database = quote_text(&name);
    if (!connect(&connection, target, creation.database, err)
        || !check_existing(&creation, &exists, err))
        return false;
    if (!exists) {
        if (!check_rights(&creation, err))
            return false;
        if (!make(&creation, err)
            && (!is_taken(&connection) || !check_existing(&creation, &exists, err) || !exists))
            return false;
    }
    report(out, &creation, exists);
    return true;
}
