/*
 * The server's table of locks, which has room for as many as its settings say.
 *
 * What one transaction looks at or changes stays locked until its end: the room is
 * short for thousands of foreign keys or tables at once.
 */
#ifndef REPLAY_LOCK_ROOM_H
#define REPLAY_LOCK_ROOM_H

#include "base/error.h"
#include "postgres/connection.h"

#include <stdbool.h>
#include <stddef.h>

/* Did a statement fail for want of room? */
bool lock_room_is_short(const struct error *err);

/*
 * Always false: makes the error one of kind ERROR_REFUSED that says which setting has to be how
 * large for so many locks, which `what` takes.
 */
bool lock_room_explain(
    struct connection *connection, size_t lock_count, const char *what, struct error *err);

#endif
