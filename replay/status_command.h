/* valise-replay --status: once, or again and again with --watch. */
#ifndef REPLAY_STATUS_COMMAND_H
#define REPLAY_STATUS_COMMAND_H

#include "base/byte_buffer.h"
#include "base/error.h"
#include "postgres/connection.h"
#include "replay/options.h"
#include "watch/progress.h"

/* Appends the status, after watching, to out. The progress was initialised. */
MUST_CHECK bool status_command_run(const struct options *options,
    const struct connection_target *target, struct progress *progress, struct byte_buffer *out,
    struct error *err);

#endif
