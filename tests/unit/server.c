#include "tests/unit/server.h"

#include "base/owned.h"
#include "postgres/quote.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

bool server_is_there(void)
{
    const char *host = getenv("VALISE_PGHOST_TCP");

    if (host != NULL)
        return true;
    printf("SKIP: no PostgreSQL server; run this by tools/with_postgres.sh\n");
    return false;
}

void server_open(struct connection *connection, const char *database)
{
    const char *const keywords[] = {"dbname", NULL};
    const char *const values[] = {database, NULL};
    const struct connection_target target = {.keywords = keywords, .values = values};
    struct error err;

    if (!connection_open(connection, &target, &err))
        fail_msg("%s", err.text);
}

void server_exec(struct connection *connection, const char *sql)
{
    struct error err;

    if (!connection_exec(connection, "SET search_path = public", &err)
        || !connection_exec(connection, sql, &err)
        || !connection_exec(connection, "SET search_path = pg_catalog, pg_temp", &err))
        fail_msg("%s: %s", sql, err.text);
}

void server_create_database(const char *database)
{
    OWNED(connection) struct connection connection = {0};
    OWNED(byte_buffer) struct byte_buffer drop = {0};
    OWNED(byte_buffer) struct byte_buffer create = {0};

    quote_plain(&drop, "DROP DATABASE IF EXISTS ");
    quote_name(&drop, database);
    quote_plain(&create, "CREATE DATABASE ");
    quote_name(&create, database);
    quote_plain(&create, " ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
    server_open(&connection, "postgres");
    server_exec(&connection, quote_text(&drop));
    server_exec(&connection, quote_text(&create));
}
