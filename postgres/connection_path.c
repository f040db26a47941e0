#include "postgres/connection_path.h"

#include <string.h>

/* Temporary tables are ours, but may have the names of the target's: they come last. */
#define PATH_OF_OURS "SET search_path = pg_catalog, pg_temp"
#define PATH_OF_ROLE \
    "SELECT pg_catalog.set_config('search_path'," \
    " pg_catalog.current_setting('valise.search_path'), false)"

const char connection_path_settings[] =
    "SELECT pg_catalog.set_config('valise.schema',"
    "  pg_catalog.current_schema()::pg_catalog.text, false),"
    " pg_catalog.set_config('valise.search_path', pg_catalog.concat_ws(', ', 'pg_catalog',"
    "  (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(s.name::pg_catalog.text), ', ')"
    "   FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) AS s (name)), 'pg_temp'), false);" PATH_OF_OURS
    ";";

const char *connection_path_advice(const char *sqlstate, const char *context)
{
    static const char *const states[] = {"42883", "42P01", "42704"};

    if (context == NULL || strstr(context, "function ") == NULL)
        return NULL;
    for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++)
        if (strcmp(sqlstate, states[i]) == 0)
            return "a function that is called here must not rely on its caller's search_path: ALTER "
                   "FUNCTION ... SET search_path = ... says where it is to look";
    return NULL;
}

/* Whatever became of the statement, and although it may have been stopped. In a transaction that
   failed this fails, too, but when it is rolled back, so is the path. */
static bool leave(struct connection *connection, bool done, struct error *err)
{
    bool ignores_stop = connection->ignores_stop;
    char sqlstate[CONNECTION_SQLSTATE_SIZE];
    struct error unknown;
    bool left;

    memcpy(sqlstate, connection->sqlstate, sizeof(sqlstate));
    connection->ignores_stop = true;
    left = connection_exec(connection, PATH_OF_OURS, done ? err : &unknown);
    connection->ignores_stop = ignores_stop;
    if (!done)
        memcpy(connection->sqlstate, sqlstate, sizeof(sqlstate));
    return done && left;
}

bool connection_path_query(struct connection *connection, const char *sql,
    const struct connection_values *values, struct connection_rows *rows, struct error *err)
{
    bool done = connection_exec(connection, PATH_OF_ROLE, err)
                && connection_query(connection, sql, values, rows, err);

    return leave(connection, done, err);
}

bool connection_path_exec_count(
    struct connection *connection, const char *sql, uint64_t *row_count, struct error *err)
{
    bool done = connection_exec(connection, PATH_OF_ROLE, err)
                && connection_exec_count(connection, sql, row_count, err);

    return leave(connection, done, err);
}
