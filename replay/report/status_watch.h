/* Watching a replay from another terminal: its status, again and again, as progress of our own. */
#ifndef REPLAY_STATUS_WATCH_H
#define REPLAY_STATUS_WATCH_H

#include "base/error.h"
#include "postgres/connection.h"
#include "watch/progress.h"

/*
 * Looks every second until the replay is done or someone asks to stop, which is no failure. The
 * progress was started. Fails as status_read().
 */
MUST_CHECK bool status_watch_run(
    struct connection *connection, struct progress *progress, struct error *err);

#endif
