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

/* Where a connection was tried; "" for what is not known. Borrowed texts. */
struct connection_place {
    const char *host; /* a name, an address, or the folder of a socket */
    const char *port;
    const char *user;
    const char *database;
    const char *sslmode;
};

#define CONNECTION_TROUBLE_MESSAGE_SIZE 512 /* bytes, with the final NUL */
#define CONNECTION_TROUBLE_MEND_SIZE 768

/* Why no session came about. */
struct connection_trouble {
    const char *name; /* "password-wrong", ...: stable, static; NULL: there is no trouble */
    const char *advice;
    char message[CONNECTION_TROUBLE_MESSAGE_SIZE]; /* the server's or libpq's, in one line */
    char mend[CONNECTION_TROUBLE_MEND_SIZE]; /* commands, one a line; "$ ..." is for a shell */
};

/*
 * Records why no session came about. message is libpq's, in several lines and
 * with the SQLSTATE in it (verbosity PQERRORS_VERBOSE). Always returns false;
 * ERROR_USAGE for a parameter that libpq refuses (no trouble then), else ERROR_DATABASE.
 */
bool connection_trouble_explain(struct connection_trouble *trouble, const char *message,
    const struct connection_place *place, struct error *err);

#endif
