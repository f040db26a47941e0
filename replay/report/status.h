/*
 * How a replay stands, from any session: what its ledger says, and what its sessions are doing.
 *
 * Only reads, waits for no lock longer than a moment, and holds none.
 */
#ifndef REPLAY_STATUS_H
#define REPLAY_STATUS_H

#include "base/error.h"
#include "postgres/connection.h"
#include "replay/ledger/ledger_plan.h"

/* A session of the replay. */
struct status_session {
    int pid;
    bool is_active;
    bool is_waiting;    /* for a lock */
    const char *phase;  /* "load", "index", ...; NULL: none of them */
    const char *table;  /* NULL: none, or it cannot be told */
    double seconds;     /* of its statement */
    uint64_t row_count; /* of a COPY that is going on, from PostgreSQL 14 on */
};

/* Zero-initialise. */
struct status {
    struct arena arena;
    struct ledger ledger;
    const char *database;
    const char *server;
    double seconds; /* since the replay began */
    struct ledger_plan_table *tables;
    size_t table_count;
    struct status_session *sessions;
    size_t session_count;
    uint64_t reject_count;
    uint64_t restored_count;    /* of the ledger's saved objects that are there again */
    uint64_t saved_table_count; /* whose rows from before the replay are kept */
};

void status_release(struct status *status);

/* Reads anew. Fails as ledger_read(). */
MUST_CHECK bool status_read(
    struct status *status, struct connection *connection, struct error *err);

/* True if someone is at work on it. */
bool status_is_running(const struct status *status);

#endif
