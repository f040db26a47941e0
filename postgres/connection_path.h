/*
 * Whose names a statement means: the search_path.
 *
 * Replays often run as a superuser, in databases where others may create functions, operators and
 * tables: what they made must not stand in for what our statements mean. So a session finds
 * unqualified names in pg_catalog alone; statements of a profile find what the role itself would.
 */
#ifndef POSTGRES_CONNECTION_PATH_H
#define POSTGRES_CONNECTION_PATH_H

#include "base/error.h"
#include "postgres/connection.h"

#include <stdbool.h>

/*
 * Statements, for the beginning of a session: from then on current_setting('valise.schema') is the
 * first schema of the role's path that exists, or empty, and the session's path is ours.
 */
extern const char connection_path_settings[];

/* Of a statement that failed: how to mend a function that relied on its caller's path; else NULL.
 */
const char *connection_path_advice(const char *sqlstate, const char *context);

/*
 * As connection_query(), but unqualified names are looked for in pg_catalog and then where the
 * role's own search_path says.
 */
MUST_CHECK bool connection_path_query(struct connection *connection, const char *sql,
    const struct connection_values *values, struct connection_rows *rows, struct error *err);

/* As connection_exec_count(), likewise. */
MUST_CHECK bool connection_path_exec_count(
    struct connection *connection, const char *sql, uint64_t *row_count, struct error *err);

#endif
