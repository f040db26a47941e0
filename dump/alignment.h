/*
 * Which units of the old state the chunks of the new one correspond to.
 *
 * Chunks come in the order of the scan; what they correspond to is decided as
 * soon as it is known, with at most ALIGNMENT_PENDING_MAX chunks undecided. Any
 * decision is right (SPEC 7.2 only asks that sums add up); a good one makes the
 * delta small. Unchanged units are recognised by the sums of their chunks,
 * changed ones by the row that a chunk ends with.
 */
#ifndef DUMP_ALIGNMENT_H
#define DUMP_ALIGNMENT_H

#include "format/units.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ALIGNMENT_PENDING_MAX 4 /* chunks, whose rows the caller holds meanwhile */
#define ALIGNMENT_SOURCE_MAX 4  /* units that one group is made from, at most */

/* The next units of the old state, and the oldest undecided chunks, that make one new unit. */
struct alignment_group {
    uint32_t source_first;
    uint32_t source_count;
    uint32_t chunk_count;
    bool is_same; /* one source, whose chunks are these */
};

struct alignment; /* opaque */

/* old is borrowed until alignment_close(). */
struct alignment *alignment_open(const struct units *old);
void alignment_close(struct alignment *alignment);

/*
 * Offers the next chunk of the new state, to be followed by alignment_take()
 * until that is false. Never more than ALIGNMENT_PENDING_MAX chunks stay
 * undecided.
 */
void alignment_offer(struct alignment *alignment, const struct chunk *chunk);

/* Nothing may stay undecided; to be followed by alignment_take() until that is false. */
void alignment_force(struct alignment *alignment);

/* There are no more chunks; to be followed by alignment_take() until that is false. */
void alignment_finish(struct alignment *alignment);

/* The next group that was decided; false if there is none now. */
bool alignment_take(struct alignment *alignment, struct alignment_group *group);

#endif
