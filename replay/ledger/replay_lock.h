/*
 * One replay at a time in a database.
 *
 * The leading session holds an advisory lock, and every worker shares a second
 * one. So who holds the first knows that workers of others belong to a replay
 * that is dead, though its sessions may not have noticed: they are ended before
 * the ledger is read, or one of them could still commit.
 */
#ifndef REPLAY_REPLAY_LOCK_H
#define REPLAY_REPLAY_LOCK_H

#include "base/error.h"
#include "postgres/connection.h"

/* SQL with which a worker's session makes itself known. */
extern const char replay_lock_worker_sql[];

/*
 * Takes the lock for the life of the session and ends what a dead replay left. Fails with
 * ERROR_REFUSED, naming the session that is in the way.
 */
MUST_CHECK bool replay_lock_take(struct connection *connection, struct error *err);

#endif
