/*
 * What to look at when PostgreSQL cannot be reached or refuses.
 *
 * Servers say what is wrong in a line that only an administrator of PostgreSQL
 * understands; this adds where to look.
 */
#ifndef POSTGRES_CONNECTION_TROUBLE_H
#define POSTGRES_CONNECTION_TROUBLE_H

#include "base/error.h"

#include <stdbool.h>

/* Advice for an error in a session, by SQLSTATE; NULL: the server's words suffice. */
const char *connection_trouble_advice(const char *sqlstate);

/*
 * Records why no session came about. message is libpq's, in several lines and
 * with the SQLSTATE in it (verbosity PQERRORS_VERBOSE). Always returns false;
 * ERROR_USAGE for a parameter that libpq refuses, else ERROR_DATABASE.
 */
bool connection_trouble_explain(const char *message, struct error *err);

#endif
