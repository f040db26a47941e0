/*
 * The SHA-256 of the dumps, by a thread of its own while the server is asked what it has.
 *
 * Nothing is done to the target before they are known to be right.
 */
#ifndef REPLAY_DUMP_DIGESTS_H
#define REPLAY_DUMP_DIGESTS_H

#include "base/error.h"
#include "format/chain.h"

#include <pthread.h>
#include <stdbool.h>

/* Zero-initialise. Does not move while the thread is at work. */
struct dump_digests {
    const struct chain *chain;
    pthread_t thread;
    bool is_running;
    bool are_right;
    struct error error; /* why they are not */
};

/* Starts reading all dumps of the chain, which is borrowed. */
void dump_digests_begin(struct dump_digests *digests, const struct chain *chain);

/*
 * Waits for the result, and says it again when asked again. Fails as dump_reader_check_digest().
 * Before it was begun there is nothing to fail.
 */
MUST_CHECK bool dump_digests_end(struct dump_digests *digests, struct error *err);

void dump_digests_release(struct dump_digests *digests);

#endif
