#include "replay/load/worker_count.h"

#include "replay/ledger/replay_lock.h"

#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#define DEFAULT_MAX 4

size_t worker_count_choose(size_t wanted, int configured_max, const struct target_server *server)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    size_t limit = configured_max > 0 ? (size_t)configured_max : SIZE_MAX;
    /* The first connection only waits, but counts; if none is left, the server says so. */
    size_t left = server->connection_count_max > 1 ? (size_t)server->connection_count_max : 1;

    if (wanted == 0) {
        wanted = processors < 1 ? 1 : (size_t)processors;
        wanted = wanted > DEFAULT_MAX ? DEFAULT_MAX : wanted;
    }
    if (left < limit)
        limit = left;
    return wanted < limit ? wanted : limit;
}

/* Commits need not reach the disk one by one: the ledger's phases do. Index builds get a share of
   what the server keeps for its buffers. */
bool worker_count_open(struct workers *workers, const struct connection_target *target,
    size_t count, struct error *err)
{
    char setup[600];

    snprintf(setup, sizeof(setup),
        "SET synchronous_commit = off; %s;"
        "SELECT set_config('maintenance_work_mem', greatest(131072,"
        " (SELECT setting::bigint FROM pg_settings WHERE name = 'maintenance_work_mem'),"
        " least(1048576, (SELECT setting::bigint * 8 FROM pg_settings"
        " WHERE name = 'shared_buffers') / %zu))::text, false)",
        replay_lock_worker_sql, count);
    return workers_open(workers, target, count, setup, err);
}
