#include "postgres/server_place.h"

#include "base/owned.h"

#include <stdio.h>
#include <string.h>

/* The parent of a process of this host; 0: there is none of that number, or it is hidden. */
static int parent_of(int process)
{
    char path[64];
    char line[512] = "";
    const char *end;
    FILE *file;
    int parent = 0;

    snprintf(path, sizeof(path), "/proc/%d/stat", process);
    file = fopen(path, "re");
    if (file == NULL)
        return 0;
    if (fgets(line, sizeof(line), file) != NULL) {
        end = strrchr(line, ')'); /* "number (name) state parent ..." */
        if (end == NULL || sscanf(end, ") %*c %d", &parent) != 1)
            parent = 0;
    }
    fclose(file);
    return parent;
}

/*
 * Is the server on this very host? By a local socket yes, if who listens there is the parent of the
 * process that serves us. By TCP yes, if it sees the client come from its own address or the
 * loopback's, and by the very port that the client has. Else somebody forwards (a tunnel, a
 * container), and its memory and disk are not ours.
 */
static bool is_here(
    const struct connection *connection, const struct connection_rows *rows, bool is_by_socket)
{
    if (is_by_socket)
        return connection_peer_process(connection) != 0
               && parent_of(connection_backend_pid(connection))
                      == connection_peer_process(connection);
    return connection_rows_boolean(rows, 0, 0)
           && connection_rows_integer(rows, 0, 1) == connection_own_port(connection);
}

bool server_place_read(struct server_place *place, struct connection *connection, struct error *err)
{
    static const char sql[] =
        "SELECT inet_client_addr() = inet_server_addr() OR inet_client_addr() <<= '127.0.0.0/8',"
        " inet_client_port()";
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (!connection_query(connection, sql, NULL, &rows, err))
        return false;
    place->is_by_socket = connection_own_port(connection) == 0;
    place->is_here = is_here(connection, &rows, place->is_by_socket);
    return true;
}
