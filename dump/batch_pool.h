/*
 * The batches that rows go through: as many as there are, reused for as long as a dump
 * takes. Whoever shares a pool between threads guards it.
 *
 * Only one batch at a time may be large; its memory is given back with it.
 */
#ifndef DUMP_BATCH_POOL_H
#define DUMP_BATCH_POOL_H

#include "dump/block_maker.h"

#include <stdbool.h>
#include <stddef.h>

struct batch_pool {
    struct row_batch *batches; /* owned */
    struct row_batch **free_batches;
    size_t count;
    size_t free_count;
    size_t kept_size; /* bytes of a batch that are not given back to the system */
    bool has_large;   /* a large batch is on its way */
};

/*
 * Makes a pool of as many empty batches as so many threads need, and a caller who holds up to
 * held_count of them. For one who holds some, a batch keeps at most 4 MiB from one use to the next:
 * else each would sooner or later have the memory of the longest.
 */
void batch_pool_init(struct batch_pool *pool, unsigned thread_count, size_t held_count);

void batch_pool_release(struct batch_pool *pool);

/* An empty batch, borrowed until it is given back; NULL if all are out. */
struct row_batch *batch_pool_take(struct batch_pool *pool);

/* Empties the batch. */
void batch_pool_give_back(struct batch_pool *pool, struct row_batch *batch);

/* Lets the batch be large; false while another one is. */
bool batch_pool_allow_large(struct batch_pool *pool, struct row_batch *batch);

#endif
