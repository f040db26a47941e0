#include "format/rows_slot.h"

#include "format/rows_encoder.h"

#include <stdlib.h>
#include <string.h>

#define USUAL_FRAME_SIZE_MAX ((size_t)4 << 20) /* bytes */

/* --- what the thread makes ------------------------------------------------------------- */

/* Room for the facts of every column, which nothing is known of. */
static void clear_facts(struct rows_slot *slot)
{
    uint32_t column_count = slot->table->column_count;

    if (slot->facts_capacity < column_count) {
        slot->facts = byte_buffer_realloc(slot->facts, column_count * sizeof(*slot->facts));
        slot->facts_capacity = column_count;
    }
    memset(slot->facts, 0, column_count * sizeof(*slot->facts));
}

static bool copy_block(struct rows_slot *slot, struct rows_maker *maker, struct error *err)
{
    struct dump_buffer *buffer = rows_maker_buffer(maker);
    const struct rows_total *total = &maker->total;
    bool done;

    byte_buffer_swap(&buffer->frame, &slot->added);
    done = block_copy_load(&slot->copy, buffer, &maker->total, err);
    if (done)
        block_copy_place(&slot->copy, slot->number, buffer, &slot->entry);
    byte_buffer_swap(&buffer->frame, &slot->added);
    if (!done)
        return false;
    memcpy(slot->facts, total->facts, slot->table->column_count * sizeof(*slot->facts));
    slot->size = total->size;
    return true;
}

static struct rows_maker_block block_of(struct rows_slot *slot)
{
    return (struct rows_maker_block){
        .number = slot->number, .level = slot->level, .frame = &slot->added, .entry = &slot->entry};
}

static bool make_rows(struct rows_slot *slot, struct rows_maker *maker,
    const struct byte_buffer *rows, struct error *err)
{
    struct rows_maker_block block = block_of(slot);
    struct rows_input input = {.table = slot->ordinal,
        .column_count = slot->table->column_count,
        .row_count = slot->entry.row_count,
        .removed_count = slot->entry.removed_count,
        .bytes = rows->data,
        .size = rows->size,
        .facts = slot->facts};

    return rows_maker_make(maker, &input, &block, err)
           || error_wrap(err, "table \"%s\"", slot->table->name.bytes);
}

static bool make_block(struct rows_slot *slot, struct rows_maker *maker, struct error *err)
{
    slot->size = slot->added.size;
    if (slot->removed.size > 0)
        byte_buffer_put(&slot->removed, slot->added.data, slot->added.size);
    /* The rows are not needed when they are encoded: the frame takes their place. */
    return make_rows(slot, maker, slot->removed.size > 0 ? &slot->removed : &slot->added, err);
}

bool rows_slot_make_run(struct rows_slot *slot, const struct unit_merge *merge,
    struct rows_maker *maker, struct error *err)
{
    clear_facts(slot);
    slot->entry = (struct index_entry){.table = slot->ordinal,
        .row_count = merge->row_count,
        .sum = merge->sum,
        .cut = merge->cut};
    slot->size = merge->bytes.size;
    return merge->row_count == 0 || make_rows(slot, maker, &merge->bytes, err);
}

void rows_slot_move(struct rows_slot *slot, struct rows_maker *maker, uint32_t number)
{
    struct rows_maker_block block;

    slot->number = number;
    block = block_of(slot);
    rows_maker_move(maker, &block);
}

static bool merge_unit(struct rows_slot *slot, struct rows_maker *maker, struct error *err)
{
    struct unit_merge *merge = &maker->merge;
    bool is_last;

    if (!unit_merge_open(merge, slot->merged, slot->unit, err)
        || !unit_merge_next(merge, &is_last, err))
        return error_wrap(err, "table \"%s\"", slot->table->name.bytes);
    slot->is_too_large = !is_last;
    return !is_last || rows_slot_make_run(slot, merge, maker, err);
}

static bool make(struct rows_slot *slot, struct rows_maker *maker, struct error *err)
{
    clear_facts(slot);
    switch (slot->kind) {
    case ROWS_SLOT_ROWS:
        return make_block(slot, maker, err);
    case ROWS_SLOT_COPY:
        return copy_block(slot, maker, err);
    case ROWS_SLOT_MERGE:
        return merge_unit(slot, maker, err);
    case ROWS_SLOT_END:
        break;
    }
    return true;
}

/* --- the thread ------------------------------------------------------------------------ */

static void set_state(struct rows_slot *slot, enum rows_slot_state state)
{
    pthread_mutex_lock(&slot->mutex);
    slot->state = state;
    pthread_cond_broadcast(&slot->changed);
    pthread_mutex_unlock(&slot->mutex);
}

/* Waits until it is none of ours (of the thread: FREE, DONE; of the caller: FILLED). */
static enum rows_slot_state await(struct rows_slot *slot, bool is_thread)
{
    enum rows_slot_state state;

    pthread_mutex_lock(&slot->mutex);
    while (is_thread ? slot->state == ROWS_SLOT_FREE || slot->state == ROWS_SLOT_DONE
                     : slot->state == ROWS_SLOT_FILLED)
        pthread_cond_wait(&slot->changed, &slot->mutex);
    state = slot->state;
    pthread_mutex_unlock(&slot->mutex);
    return state;
}

static void *run(void *argument)
{
    struct rows_slot *slot = argument;

    while (await(slot, true) == ROWS_SLOT_FILLED) {
        struct rows_maker *maker = rows_maker_pool_take(slot->pool);

        slot->has_failed = !make(slot, maker, &slot->failure);
        rows_maker_pool_give_back(slot->pool, maker);
        set_state(slot, ROWS_SLOT_DONE);
    }
    return NULL;
}

/* --- the caller ------------------------------------------------------------------------ */

bool rows_slot_start(struct rows_slot *slot, struct rows_maker_pool *pool, struct error *err)
{
    slot->pool = pool;
    pthread_mutex_init(&slot->mutex, NULL);
    pthread_cond_init(&slot->changed, NULL);
    if (pthread_create(&slot->thread, NULL, run, slot) != 0)
        return error_set(err, ERROR_IO, "cannot start a thread");
    slot->is_started = true;
    return true;
}

void rows_slot_release(struct rows_slot *slot)
{
    if (slot->is_started) {
        await(slot, false);
        set_state(slot, ROWS_SLOT_ENDED);
        pthread_join(slot->thread, NULL);
        pthread_cond_destroy(&slot->changed);
        pthread_mutex_destroy(&slot->mutex);
    }
    byte_buffer_release(&slot->removed);
    byte_buffer_release(&slot->added);
    byte_buffer_release(&slot->units);
    free(slot->facts);
}

void rows_slot_submit(struct rows_slot *slot)
{
    slot->is_too_large = false;
    slot->has_failed = false;
    set_state(slot, slot->kind == ROWS_SLOT_END ? ROWS_SLOT_DONE : ROWS_SLOT_FILLED);
}

bool rows_slot_await(struct rows_slot *slot)
{
    return await(slot, false) != ROWS_SLOT_FREE;
}

/* Most frames are small: what took more, as rows do, is given back. */
static void empty_buffer(struct byte_buffer *buffer, bool had_rows)
{
    if (had_rows || buffer->size > USUAL_FRAME_SIZE_MAX)
        byte_buffer_release(buffer);
    buffer->size = 0;
}

void rows_slot_empty(struct rows_slot *slot)
{
    byte_buffer_release(&slot->removed);
    empty_buffer(&slot->added, slot->kind == ROWS_SLOT_ROWS);
    byte_buffer_release(&slot->units);
    slot->entry = (struct index_entry){0};
    slot->is_large = false;
    set_state(slot, ROWS_SLOT_FREE);
}
