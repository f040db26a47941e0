/*
 * Where the server of a session runs, as far as it can be seen from here.
 */
#ifndef POSTGRES_SERVER_PLACE_H
#define POSTGRES_SERVER_PLACE_H

#include "base/error.h"
#include "postgres/connection.h"

#include <stdbool.h>

struct server_place {
    bool is_by_socket; /* a Unix socket */
    bool is_here;      /* the server runs on this host, as far as can be told */
};

/* Asks the server. Fails as connection_query(). */
MUST_CHECK bool server_place_read(
    struct server_place *place, struct connection *connection, struct error *err);

#endif
