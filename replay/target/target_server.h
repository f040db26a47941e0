/*
 * The database itself: version, encoding, locale, rights, who else is there.
 */
#ifndef REPLAY_TARGET_SERVER_H
#define REPLAY_TARGET_SERVER_H

#include "base/error.h"
#include "replay/target/target_read.h"

#include <stdbool.h>

/* Of a server that is_replica, or makes_replicas. */
#define TARGET_SERVER_REPLICA \
    "session_replication_role is replica here: PostgreSQL checks no foreign keys and fires no triggers"
#define TARGET_SERVER_REPLICA_ADVICE \
    "as an administrator: ALTER DATABASE ... RESET session_replication_role, or ALTER ROLE ... RESET " \
    "it (\\drds of psql shows where it is set)"

/* The application_name of a session that only looks at the status, and disturbs nobody. */
#define TARGET_SERVER_WATCHER "valise-status"

/*
 * Fills catalog->server and read->schema_oid; schema NULL is the first of the search_path. Fails
 * with ERROR_REFUSED when there is no such schema, else ERROR_DATABASE.
 */
MUST_CHECK bool target_server_read(struct target_read *read, const char *schema, struct error *err);

#endif
