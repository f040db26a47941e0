/*
 * What it takes to make ROWS blocks: scratch memory, for as many as are to be made
 * at the same time.
 */
#ifndef FORMAT_ROWS_MAKER_H
#define FORMAT_ROWS_MAKER_H

#include "base/error.h"
#include "format/block_copy.h"
#include "format/rows_encoder.h"
#include "format/rows_total.h"
#include "format/unit_merge.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct rows_maker {
    struct rows_encoder *encoder; /* owned; NULL until it is needed */
    struct unit_merge merge;
    struct rows_total total; /* of a block that is copied */
    bool is_taken;           /* guarded by the makers' mutex */
};

struct rows_maker_pool {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct rows_maker *all; /* owned */
    size_t count;
    size_t kept_size; /* bytes of each buffer that a maker keeps which nobody has */
};

void rows_maker_pool_open(struct rows_maker_pool *pool, size_t count);

/* Accepts what was not opened. */
void rows_maker_pool_release(struct rows_maker_pool *pool);

/* Waits for one that nobody has, until it is given back. */
struct rows_maker *rows_maker_pool_take(struct rows_maker_pool *pool);
void rows_maker_pool_give_back(struct rows_maker_pool *pool, struct rows_maker *maker);

/* Where a maker has a block that it reads, copies or makes. */
static inline struct dump_buffer *rows_maker_buffer(struct rows_maker *maker)
{
    maker->merge.rows.is_loaded = false;
    return &maker->merge.rows.buffer;
}

/* A block that is made: what it gets, and where it is left. */
struct rows_maker_block {
    uint32_t number;
    int level;
    struct byte_buffer *frame;
    struct index_entry *entry; /* of it all that the bytes say is filled in, but frame_size */
};

/* Turns rows into a block. Fails with ERROR_UNSUPPORTED when they do not fit. */
MUST_CHECK bool rows_maker_make(struct rows_maker *maker, const struct rows_input *rows,
    const struct rows_maker_block *block, struct error *err);

/* Gives a block that was made here or copied another number. */
void rows_maker_move(struct rows_maker *maker, const struct rows_maker_block *block);

void rows_maker_release(struct rows_maker *maker);

#endif
