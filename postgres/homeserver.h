/*
 * The database: section of Synapse's homeserver.yaml.
 *
 * Read as Synapse documents it: name, args (passed to libpq but for cp_*),
 * txn_limit, allow_unsafe_locale, statement_timeout. No message shows a password.
 */
#ifndef POSTGRES_HOMESERVER_H
#define POSTGRES_HOMESERVER_H

#include "base/arena.h"
#include "base/error.h"
#include "postgres/connection.h"

#include <stdbool.h>
#include <stddef.h>

struct homeserver {
    struct arena arena;
    struct connection_target target; /* lives in the arena */
    const char *server_name;         /* NULL: the file has none */
    int connection_count_max;        /* cp_max; 0: not given */
    bool allows_unsafe_locale;       /* allow_unsafe_locale */
};

/*
 * Reads the file. Fails with ERROR_USAGE with file, line and column: not YAML, no database
 * section, another engine than PostgreSQL, several databases, an argument that libpq does not know.
 * Fails with ERROR_IO when it cannot be read.
 */
MUST_CHECK bool homeserver_read(struct homeserver *homeserver, const char *path, struct error *err);

void homeserver_release(struct homeserver *homeserver);

#endif
