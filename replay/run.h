/* One run of valise-replay: opens everything, decides, and does it. */
#ifndef REPLAY_RUN_H
#define REPLAY_RUN_H

#include "base/byte_buffer.h"
#include "base/error.h"
#include "replay/options.h"

/*
 * Does what the options say; `out` gets what belongs on standard output, `list` the list of
 * problems that belongs before an error.
 */
MUST_CHECK bool run_command(const struct options *options, struct byte_buffer *out,
    struct byte_buffer *list, struct error *err);

#endif
