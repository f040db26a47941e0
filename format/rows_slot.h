/*
 * One block on its way into a dump, and the thread that makes it: of rows, of a
 * block of another dump, or of a unit of a chain.
 *
 * The caller fills a free slot and submits it; it is the thread's until it is
 * done, then the caller's again.
 */
#ifndef FORMAT_ROWS_SLOT_H
#define FORMAT_ROWS_SLOT_H

#include "base/byte_buffer.h"
#include "base/error.h"
#include "format/block_copy.h"
#include "format/chain.h"
#include "format/dump_index.h"
#include "format/rows_maker.h"
#include "format/schema.h"
#include "format/table_end.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum rows_slot_state {
    ROWS_SLOT_FREE,   /* the caller's to fill */
    ROWS_SLOT_FILLED, /* its thread's */
    ROWS_SLOT_DONE,   /* the caller's to use what was made */
    ROWS_SLOT_ENDED,  /* its thread is to end */
};

enum rows_slot_kind {
    ROWS_SLOT_ROWS,
    ROWS_SLOT_COPY,
    ROWS_SLOT_MERGE,
    ROWS_SLOT_END, /* nothing to make: the end of the table */
};

struct rows_written; /* of rows_writer.h */

struct rows_slot {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    enum rows_slot_state state; /* guarded by mutex */
    bool is_started;
    struct rows_maker_pool *pool; /* borrowed */

    /* Filled by the caller. */
    enum rows_slot_kind kind;
    uint32_t
        number; /* of the block, unless units before it turn out to be several blocks, or none */
    uint32_t ordinal; /* of the table */
    bool is_large;    /* until it is empty */
    const struct schema_table *table;
    int level;
    struct byte_buffer removed; /* canonical rows; the added ones are put behind them */
    struct byte_buffer added;   /* when the block is made: its frame */
    struct index_entry entry;   /* counts, sum and cut of these rows; when it is made: all */
    struct block_copy_order copy;
    const struct chain_table *merged; /* the chain that the unit is of */
    uint32_t unit;
    struct table_end end;
    struct byte_buffer units;     /* of the end: the body of a UNITS block, or nothing */
    struct rows_written *written; /* of the end: borrowed, or NULL */

    /* Made by the thread. */
    struct column_facts *facts; /* owned; of the added rows, by column */
    uint32_t facts_capacity;
    uint64_t size;     /* canonical bytes of the added rows */
    bool is_too_large; /* a unit that takes several blocks: nothing was made */
    bool has_failed;
    struct error failure;
};

/* Starts the thread of a zeroed slot. Fails with ERROR_IO. */
MUST_CHECK bool rows_slot_start(
    struct rows_slot *slot, struct rows_maker_pool *pool, struct error *err);

/* Ends the thread. Accepts what was not started. */
void rows_slot_release(struct rows_slot *slot);

/* Hands a filled slot to its thread, or, if there is nothing to make, on. */
void rows_slot_submit(struct rows_slot *slot);

/* Waits for the thread; false if the slot was free. */
bool rows_slot_await(struct rows_slot *slot);

/* Frees a slot that is done. */
void rows_slot_empty(struct rows_slot *slot);

/*
 * Makes a block of a run of a unit's rows, as the thread of a smaller unit does. The maker's own
 * merge is lost, unless this is its last run. Fails with ERROR_UNSUPPORTED.
 */
MUST_CHECK bool rows_slot_make_run(struct rows_slot *slot, const struct unit_merge *merge,
    struct rows_maker *maker, struct error *err);

/* Gives the block that was made another number. */
void rows_slot_move(struct rows_slot *slot, struct rows_maker *maker, uint32_t number);

#endif
