/*
 * The PostgreSQL server that tools/with_postgres.sh gives to a test.
 */
#ifndef TESTS_UNIT_SERVER_H
#define TESTS_UNIT_SERVER_H

#include "postgres/connection.h"

#include <stdbool.h>

#define SERVER_SKIPPED 77 /* exit status that meson reports as SKIP */

/* Is there one? Says SKIP when not. */
bool server_is_there(void);

/* Opens a session in the database; ends the test on failure. */
void server_open(struct connection *connection, const char *database);

/* Executes SQL, whose names are those of the schema public; ends the test on failure. */
void server_exec(struct connection *connection, const char *sql);

/* Drops and creates a database in the encoding UTF8 with the locale C. */
void server_create_database(const char *database);

#endif
