#include "postgres/server_place.h"

#include "base/owned.h"

/*
 * Is a server that answers by TCP on this very host? Yes if it sees the client come from its own
 * address or the loopback's, and by the very port that the client has: else somebody forwards (a
 * tunnel, a container), and its memory and disk are not ours.
 */
bool server_place_read(struct server_place *place, struct connection *connection, struct error *err)
{
    static const char sql[] =
        "SELECT inet_client_addr() IS NULL,"
        " inet_client_addr() = inet_server_addr() OR inet_client_addr() <<= '127.0.0.0/8',"
        " inet_client_port()";
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (!connection_query(connection, sql, NULL, &rows, err))
        return false;
    place->is_by_socket = connection_rows_boolean(&rows, 0, 0);
    place->is_here =
        place->is_by_socket
        || (connection_rows_boolean(&rows, 0, 1)
            && connection_rows_integer(&rows, 0, 2) == connection_own_port(connection));
    return true;
}
