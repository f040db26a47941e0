/*
 * The zstd frames of a file, found from its front (SPEC 3.2).
 *
 * For dumps whose index cannot be trusted. Only the few bytes of frame and block
 * headers are read, so that no claimed size costs memory.
 */
#ifndef TOOLS_FRAME_WALK_H
#define TOOLS_FRAME_WALK_H

#include "base/error.h"
#include "base/file.h"

#include <stdint.h>

/*
 * The size of the zstd frame at offset, which must end at or before end. Fails
 * with ERROR_CORRUPT when its headers are not sound, with ERROR_IO.
 */
MUST_CHECK bool frame_walk_measure(const struct file_input *file, uint64_t offset, uint64_t end,
    uint64_t *frame_size, struct error *err);

/*
 * The first place in [offset, end) where a frame with sound headers begins, or
 * end. Compressed bytes may look like a frame by chance; the caller decodes it.
 */
MUST_CHECK bool frame_walk_find(const struct file_input *file, uint64_t offset, uint64_t end,
    uint64_t *found, struct error *err);

#endif
