#include "dump/pipeline.h"

#include "base/stop.h"
#include "dump/batch_pool.h"
#include "dump/block_maker.h"
#include "dump/table_writer.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define END_SLOT_COUNT 32                   /* so that small tables need not wait for each other */
#define END_SLOT_SIZE_MAX ((size_t)4 << 20) /* bytes of facts in these */
#define FRAME_KEPT_SIZE ((size_t)1 << 20)   /* bytes of a frame that is kept for the next one */

enum slot_state {
    SLOT_FREE,    /* the caller's to fill */
    SLOT_FILLED,  /* waits for someone who works */
    SLOT_WORKING, /* theirs */
    SLOT_DONE,    /* the writing thread's */
};

/* One place of the ring: a block to be made, or the end of a table. */
struct slot {
    enum slot_state state;
    bool is_end;
    struct block_order order; /* of a block: what it is made from */
    struct made_block block;  /* of a block: what it became */
    struct table_end end;     /* of is_end; without facts */
    struct byte_buffer units; /* of is_end: the body of a UNITS block, if not empty */
    struct chain_table *old;  /* of is_end: owned */
};

struct pipeline {
    const struct schema *schema; /* borrowed */
    int level;
    uint32_t column_capacity; /* columns of the widest table */
    uint32_t next_number;     /* of the next block; the caller's */
    struct block_maker maker; /* the caller's */
    atomic_uint_fast64_t written_size;

    pthread_mutex_t mutex; /* guards all that follows, and the state of slots */
    pthread_cond_t changed_free;
    pthread_cond_t changed_filled;
    pthread_cond_t changed_done;
    struct batch_pool batches;
    struct slot *slots; /* ring: sequence number modulo slot_count */
    size_t slot_count;
    size_t change_count; /* changes on their way */
    size_t change_max;
    uint64_t fill_next;  /* sequence numbers: of the slot to fill, */
    uint64_t work_next;  /* to work on, */
    uint64_t write_next; /* to write */
    bool is_closing;     /* nothing more will come */
    bool has_failed;
    struct error failure;

    pthread_t *threads; /* workers, then the writing thread */
    size_t thread_count;
    struct table_writer tables; /* the writing thread's */
};

static struct slot *slot_at(struct pipeline *p, uint64_t sequence)
{
    return &p->slots[sequence % p->slot_count];
}

static void wake_all(struct pipeline *p)
{
    pthread_cond_broadcast(&p->changed_free);
    pthread_cond_broadcast(&p->changed_filled);
    pthread_cond_broadcast(&p->changed_done);
}

/* --- batches -------------------------------------------------------------------------- */

/* With the mutex held: the rows of a slot are not needed any more. */
static void give_back_all(struct pipeline *p, struct slot *slot)
{
    struct unit_change *change = &slot->order.change;

    for (uint32_t i = 0; i < change->batch_count; i++)
        batch_pool_give_back(&p->batches, change->batches[i]);
    change->batch_count = 0;
    pthread_cond_broadcast(&p->changed_free);
}

/* --- work --------------------------------------------------------------------------- */

/* With the mutex held. */
static void fail(struct pipeline *p, const struct error *failure)
{
    if (!p->has_failed)
        p->failure = *failure;
    p->has_failed = true;
    wake_all(p);
}

/* With the mutex held: nothing is to be done for the end of a table but to write it. */
static void skip_ends(struct pipeline *p)
{
    while (p->work_next < p->fill_next && slot_at(p, p->work_next)->is_end) {
        slot_at(p, p->work_next++)->state = SLOT_DONE;
        pthread_cond_signal(&p->changed_done);
    }
}

/* With the mutex held: the next slot to work on, or NULL if none waits. */
static struct slot *take_work(struct pipeline *p)
{
    struct slot *slot;

    if (p->has_failed || p->work_next == p->fill_next)
        return NULL;
    slot = slot_at(p, p->work_next++);
    slot->state = SLOT_WORKING;
    skip_ends(p);
    return slot;
}

/* With the mutex held, but while the block is made. */
static void work_on(struct pipeline *p, struct block_maker *maker, struct slot *slot)
{
    struct error failure;
    bool done;

    pthread_mutex_unlock(&p->mutex);
    done = block_maker_make(maker, &slot->order, &slot->block, &failure);
    pthread_mutex_lock(&p->mutex);
    if (!done)
        fail(p, &failure);
    /* What differs is elsewhere by now. */
    if (slot->order.is_change)
        give_back_all(p, slot);
    slot->state = SLOT_DONE;
    pthread_cond_signal(&p->changed_done);
}

static void *work(void *argument)
{
    struct pipeline *p = argument;
    struct block_maker maker = {
        .schema = p->schema, .level = p->level, .kept_size = p->maker.kept_size};
    struct slot *slot;

    pthread_mutex_lock(&p->mutex);
    for (;;) {
        slot = take_work(p);
        if (slot != NULL)
            work_on(p, &maker, slot);
        else if (p->has_failed || p->is_closing)
            break;
        else
            pthread_cond_wait(&p->changed_filled, &p->mutex);
    }
    pthread_mutex_unlock(&p->mutex);
    block_maker_release(&maker);
    return NULL;
}

/* --- writing ---------------------------------------------------------------------------- */

static bool write_slot(struct pipeline *p, struct slot *slot, struct error *err)
{
    if (slot->is_end)
        return table_writer_end(&p->tables, &slot->end, &slot->units, err);
    return table_writer_block(&p->tables, &slot->block, err);
}

static void release_old(struct slot *slot)
{
    if (slot->old != NULL)
        chain_table_release(slot->old);
    free(slot->old);
    slot->old = NULL;
}

/* With the mutex held: makes the slot fit for the next block; small buffers are kept. */
static void empty_slot(struct pipeline *p, struct slot *slot)
{
    if (slot->block.change_frame.capacity > FRAME_KEPT_SIZE)
        byte_buffer_release(&slot->block.change_frame);
    if (slot->order.is_change)
        p->change_count--;
    release_old(slot);
    slot->units.size = 0;
    slot->is_end = false;
    slot->order = (struct block_order){0};
}

/* The next slot to write, or NULL when there will be none. */
static struct slot *take_done(struct pipeline *p)
{
    struct slot *slot;

    pthread_mutex_lock(&p->mutex);
    while (!p->has_failed && !(p->is_closing && p->write_next == p->fill_next)
           && slot_at(p, p->write_next)->state != SLOT_DONE)
        pthread_cond_wait(&p->changed_done, &p->mutex);
    slot = slot_at(p, p->write_next);
    if (p->has_failed || slot->state != SLOT_DONE)
        slot = NULL;
    pthread_mutex_unlock(&p->mutex);
    return slot;
}

static void *write_in_order(void *argument)
{
    struct pipeline *p = argument;
    struct error failure = {0};
    struct slot *slot;

    while ((slot = take_done(p)) != NULL) {
        bool done = write_slot(p, slot, &failure);

        atomic_store(&p->written_size, dump_writer_size(p->tables.writer));
        pthread_mutex_lock(&p->mutex);
        give_back_all(p, slot);
        empty_slot(p, slot);
        slot->state = SLOT_FREE;
        p->write_next++;
        if (!done)
            fail(p, &failure);
        pthread_cond_broadcast(&p->changed_free);
        pthread_mutex_unlock(&p->mutex);
    }
    return NULL;
}

/* --- the caller's side ------------------------------------------------------------------- */

/* With the mutex held; what ended the wait of the caller. */
static bool check(struct pipeline *p, struct error *err)
{
    if (!p->has_failed)
        return stop_check(err);
    *err = p->failure;
    return false;
}

/*
 * With the mutex held: the caller can do nothing of its own until something changes, so it works
 * as the others do, or waits.
 */
static void help_or_wait(struct pipeline *p)
{
    struct slot *slot = take_work(p);

    if (slot != NULL)
        work_on(p, &p->maker, slot);
    else
        pthread_cond_wait(&p->changed_free, &p->mutex);
}

/* Waits until the slot to fill is free, and there may be one more change. */
static bool await_slot(struct pipeline *p, bool is_change, struct error *err)
{
    bool done;

    pthread_mutex_lock(&p->mutex);
    while (!p->has_failed
           && (slot_at(p, p->fill_next)->state != SLOT_FREE
               || (is_change && p->change_count == p->change_max)))
        help_or_wait(p);
    done = check(p, err);
    if (done && is_change)
        p->change_count++;
    pthread_mutex_unlock(&p->mutex);
    return done;
}

bool pipeline_begin(struct pipeline *p, struct row_batch **batch, struct error *err)
{
    bool done;

    pthread_mutex_lock(&p->mutex);
    while (!p->has_failed && p->batches.free_count == 0)
        help_or_wait(p);
    done = check(p, err);
    if (done)
        *batch = batch_pool_take(&p->batches);
    pthread_mutex_unlock(&p->mutex);
    return done;
}

bool pipeline_allow_large(struct pipeline *p, struct row_batch *batch, struct error *err)
{
    bool done;

    pthread_mutex_lock(&p->mutex);
    while (!p->has_failed && !batch_pool_allow_large(&p->batches, batch))
        help_or_wait(p);
    done = check(p, err);
    pthread_mutex_unlock(&p->mutex);
    return done;
}

void pipeline_drop(struct pipeline *p, struct row_batch *batch)
{
    pthread_mutex_lock(&p->mutex);
    batch_pool_give_back(&p->batches, batch);
    pthread_mutex_unlock(&p->mutex);
}

/* Hands over the slot to fill, which will need block_count blocks. */
static bool hand_over(struct pipeline *p, uint32_t block_count, struct error *err)
{
    bool done;

    if (p->next_number > UINT32_MAX - block_count)
        return error_set(
            err, ERROR_UNSUPPORTED, "a dump holds at most %" PRIu32 " blocks", UINT32_MAX);
    pthread_mutex_lock(&p->mutex);
    done = check(p, err);
    slot_at(p, p->fill_next)->order.number = p->next_number;
    p->next_number += block_count;
    slot_at(p, p->fill_next)->state = SLOT_FILLED;
    p->fill_next++;
    skip_ends(p);
    pthread_cond_signal(&p->changed_filled);
    pthread_mutex_unlock(&p->mutex);
    return done;
}

static bool submit(struct pipeline *p, uint32_t table, const struct unit_change *change,
    bool is_change, struct error *err)
{
    struct slot *slot;

    if (!await_slot(p, is_change, err))
        return false;
    slot = slot_at(p, p->fill_next);
    slot->order = (struct block_order){.table = table, .is_change = is_change, .change = *change};
    for (uint32_t i = 0; i < change->batch_count; i++)
        slot->order.is_large |= change->batches[i]->is_large;
    return hand_over(p, 1, err);
}

bool pipeline_submit(struct pipeline *p, uint32_t table, struct row_batch *batch, struct error *err)
{
    struct unit_change all = {.batches = {batch}, .batch_count = 1, .sum = batch->sum};

    assert(batch->row_count > 0);
    return submit(p, table, &all, false, err);
}

bool pipeline_submit_change(
    struct pipeline *p, uint32_t table, const struct unit_change *change, struct error *err)
{
    return submit(p, table, change, true, err);
}

bool pipeline_end_table(struct pipeline *p, struct pipeline_end *end, struct error *err)
{
    struct slot *slot;

    if (!await_slot(p, false, err))
        return false;
    slot = slot_at(p, p->fill_next);
    slot->is_end = true;
    slot->end = end->end;
    slot->old = end->old;
    end->old = NULL;
    if (end->units != NULL)
        units_encode(&slot->units, end->end.table, end->units);
    return hand_over(p, end->units == NULL ? 1 : 2, err);
}

/* Nothing more will come: the threads end when they have done what is there. */
static void join_all(struct pipeline *p)
{
    pthread_mutex_lock(&p->mutex);
    p->is_closing = true;
    wake_all(p);
    pthread_mutex_unlock(&p->mutex);
    for (size_t i = 0; i < p->thread_count; i++)
        pthread_join(p->threads[i], NULL);
    p->thread_count = 0;
}

bool pipeline_finish(struct pipeline *p, struct error *err)
{
    struct slot *slot;

    pthread_mutex_lock(&p->mutex);
    while ((slot = take_work(p)) != NULL)
        work_on(p, &p->maker, slot);
    pthread_mutex_unlock(&p->mutex);
    join_all(p);
    return check(p, err);
}

const struct table_finding *pipeline_findings(const struct pipeline *p, size_t *count)
{
    *count = p->tables.findings.size / sizeof(struct table_finding);
    return (const void *)p->tables.findings.data;
}

uint64_t pipeline_written_size(const struct pipeline *p)
{
    return atomic_load(&p->written_size);
}

/* --- opening and closing ------------------------------------------------------------------- */

void pipeline_close(struct pipeline *p)
{
    if (p == NULL)
        return;
    pthread_mutex_lock(&p->mutex);
    p->has_failed = true;
    pthread_mutex_unlock(&p->mutex);
    join_all(p);
    for (size_t i = 0; i < p->slot_count; i++) {
        byte_buffer_release(&p->slots[i].block.change_frame);
        byte_buffer_release(&p->slots[i].units);
        release_old(&p->slots[i]);
        free(p->slots[i].block.facts);
    }
    batch_pool_release(&p->batches);
    pthread_cond_destroy(&p->changed_free);
    pthread_cond_destroy(&p->changed_filled);
    pthread_cond_destroy(&p->changed_done);
    pthread_mutex_destroy(&p->mutex);
    table_writer_release(&p->tables);
    block_maker_release(&p->maker);
    free(p->slots);
    free(p->threads);
    free(p);
}

static bool start(struct pipeline *p, void *(*run)(void *), struct error *err)
{
    int number = pthread_create(&p->threads[p->thread_count], NULL, run, p);

    if (number != 0)
        return error_set(err, ERROR_IO, "cannot start a thread: %s", strerror(number));
    p->thread_count++;
    return true;
}

/* The ring. What is made of batches is bounded by their number, what is made of changes here. */
static void allocate_slots(struct pipeline *p, unsigned thread_count)
{
    size_t facts_size = p->column_capacity * sizeof(struct column_facts);
    size_t end_count = facts_size == 0 ? 0 : END_SLOT_SIZE_MAX / facts_size;

    p->change_max = thread_count + 2;
    p->slot_count = p->change_max + (end_count < END_SLOT_COUNT ? end_count : END_SLOT_COUNT);
    p->slots = byte_buffer_calloc(p->slot_count, sizeof(*p->slots));
    for (size_t i = 0; i < p->slot_count; i++)
        p->slots[i].block.facts =
            byte_buffer_calloc(p->column_capacity, sizeof(struct column_facts));
}

static struct pipeline *allocate(const struct pipeline_options *options)
{
    struct pipeline *p = byte_buffer_calloc(1, sizeof(*p));

    p->schema = options->schema;
    p->level = options->level;
    p->maker = (struct block_maker){.schema = options->schema,
        .level = options->level,
        .kept_size = byte_buffer_kept_share(options->thread_count)};
    p->next_number = 1; /* 0 is the schema */
    for (uint32_t i = 0; i < options->schema->table_count; i++)
        if (options->schema->tables[i].column_count > p->column_capacity)
            p->column_capacity = options->schema->tables[i].column_count;
    batch_pool_init(&p->batches, options->thread_count, options->held_count);
    allocate_slots(p, options->thread_count);
    p->tables = (struct table_writer){.writer = options->writer,
        .schema = options->schema,
        .facts = byte_buffer_calloc(p->column_capacity, sizeof(struct column_facts))};
    p->threads = byte_buffer_calloc(options->thread_count, sizeof(*p->threads));
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->changed_free, NULL);
    pthread_cond_init(&p->changed_filled, NULL);
    pthread_cond_init(&p->changed_done, NULL);
    return p;
}

bool pipeline_open(struct pipeline **out, const struct pipeline_options *options, struct error *err)
{
    struct pipeline *p = allocate(options);
    bool done = true;

    assert(options->thread_count > 0 && options->thread_count <= PIPELINE_THREAD_COUNT_MAX);
    for (unsigned i = 1; i < options->thread_count && done; i++)
        done = start(p, work, err);
    done = done && start(p, write_in_order, err);
    if (!done) {
        pipeline_close(p);
        return false;
    }
    *out = p;
    return true;
}
