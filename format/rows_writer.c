#include "format/rows_writer.h"

#include "format/block_copy.h"
#include "format/rows_total.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum slot_state {
    SLOT_FREE,   /* ours to fill */
    SLOT_FILLED, /* its thread's */
    SLOT_DONE,   /* ours to append */
    SLOT_ENDED,  /* its thread is to end */
};

/* What it takes to make a block. There is one for each block that can be at work. */
struct maker {
    struct rows_encoder *encoder; /* owned */
    struct dump_buffer buffer;
    struct rows_total total; /* of a block that is copied */
    bool is_taken;           /* guarded by makers.mutex */
};

struct makers {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct maker *all; /* owned */
    size_t count;
};

/* One block on its way, and the thread that makes it. */
struct slot {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    enum slot_state state; /* guarded by mutex */
    bool is_started;
    struct makers *makers; /* borrowed */

    /* Filled by the caller. */
    const struct schema_table *table;
    struct byte_buffer removed; /* canonical rows; the added ones are put behind them */
    struct byte_buffer added;   /* when the block is made: its frame */
    struct index_entry entry;
    uint32_t number;
    int level;
    uint64_t removed_cut; /* low halves of the last rows' hashes */
    uint64_t added_cut;
    bool is_copy;
    struct block_copy_order copy;

    /* Made by the thread. */
    struct column_facts *facts;
    uint32_t facts_capacity;
    uint64_t size; /* canonical bytes of the added rows */
    bool has_failed;
    struct error failure;
};

struct rows_writer {
    struct dump_writer *writer;  /* borrowed */
    const struct schema *schema; /* borrowed */
    struct makers makers;
    struct slot *slots;
    size_t slot_count;
    size_t fill; /* the slot being filled */
    int level;
    bool is_recompressed;
    uint32_t next_number; /* of the next block */
    uint32_t table;
    uint32_t block_count; /* of the table, submitted */
    struct column_facts *facts;
    uint64_t size; /* canonical bytes of the table's added rows, of the blocks appended */
};

/* --- the threads ----------------------------------------------------------------------- */

/* Room for the facts of every column, which nothing is known of. */
static void clear_facts(struct slot *slot)
{
    uint32_t column_count = slot->table->column_count;

    if (slot->facts_capacity < column_count) {
        slot->facts = byte_buffer_realloc(slot->facts, column_count * sizeof(*slot->facts));
        slot->facts_capacity = column_count;
    }
    memset(slot->facts, 0, column_count * sizeof(*slot->facts));
}

/* Drops what an unusually large row left behind. */
static void empty_buffer(struct byte_buffer *buffer)
{
    if (buffer->capacity > 4 * CHUNK_SIZE_MAX)
        byte_buffer_release(buffer);
    buffer->size = 0;
}

static struct maker *take_maker(struct makers *makers)
{
    struct maker *found = NULL;

    pthread_mutex_lock(&makers->mutex);
    for (;;) {
        for (size_t i = 0; i < makers->count && found == NULL; i++)
            if (!makers->all[i].is_taken)
                found = &makers->all[i];
        if (found != NULL)
            break;
        pthread_cond_wait(&makers->changed, &makers->mutex);
    }
    found->is_taken = true;
    pthread_mutex_unlock(&makers->mutex);
    return found;
}

static void give_back(struct makers *makers, struct maker *maker)
{
    empty_buffer(&maker->buffer.raw);
    pthread_mutex_lock(&makers->mutex);
    maker->is_taken = false;
    pthread_cond_signal(&makers->changed);
    pthread_mutex_unlock(&makers->mutex);
}

static bool copy_block(struct slot *slot, struct maker *maker, struct error *err)
{
    const struct rows_total *total = &maker->total;
    bool done;

    maker->buffer.frame = slot->added; /* lent */
    done = block_copy_run(&slot->copy, &maker->buffer, &maker->total, &slot->entry, err);
    slot->added = maker->buffer.frame;
    maker->buffer.frame = (struct byte_buffer){0};
    if (!done)
        return false;
    memcpy(slot->facts, total->facts, slot->table->column_count * sizeof(*slot->facts));
    slot->size = total->size;
    return true;
}

static void make_block(struct slot *slot, struct maker *maker)
{
    struct byte_buffer *raw = &maker->buffer.raw;
    struct rows_input input = {.table = slot->entry.table,
        .column_count = slot->table->column_count,
        .row_count = slot->entry.row_count,
        .removed_count = slot->entry.removed_count};

    input.facts = slot->facts;
    slot->size = slot->added.size;
    if (slot->removed.size > 0) {
        byte_buffer_put(&slot->removed, slot->added.data, slot->added.size);
        input.bytes = slot->removed.data;
        input.size = slot->removed.size;
    } else {
        input.bytes = slot->added.data;
        input.size = slot->added.size;
    }
    block_begin(raw, BLOCK_ROWS, slot->number);
    rows_encoder_encode(maker->encoder, raw, &input);
    slot->entry.type = BLOCK_ROWS;
    slot->entry.raw_size = (uint32_t)raw->size;
    slot->entry.checksum = checksum_xxh3(raw->data, raw->size);
    /* The rows are not needed any more: the frame takes their place. */
    block_compress(&maker->buffer.codec, &slot->added, raw, slot->level);
}

static void set_state(struct slot *slot, enum slot_state state)
{
    pthread_mutex_lock(&slot->mutex);
    slot->state = state;
    pthread_cond_broadcast(&slot->changed);
    pthread_mutex_unlock(&slot->mutex);
}

/* Waits until it is none of ours (of the thread: FREE, DONE; of the caller: FILLED). */
static enum slot_state await(struct slot *slot, bool is_thread)
{
    enum slot_state state;

    pthread_mutex_lock(&slot->mutex);
    while (is_thread ? slot->state == SLOT_FREE || slot->state == SLOT_DONE
                     : slot->state == SLOT_FILLED)
        pthread_cond_wait(&slot->changed, &slot->mutex);
    state = slot->state;
    pthread_mutex_unlock(&slot->mutex);
    return state;
}

static void *run(void *argument)
{
    struct slot *slot = argument;

    while (await(slot, true) == SLOT_FILLED) {
        struct maker *maker = take_maker(slot->makers);

        clear_facts(slot);
        slot->has_failed = slot->is_copy && !copy_block(slot, maker, &slot->failure);
        if (!slot->is_copy)
            make_block(slot, maker);
        give_back(slot->makers, maker);
        set_state(slot, SLOT_DONE);
    }
    return NULL;
}

/* --- open and close ------------------------------------------------------------------------ */

static void slot_release(struct slot *slot)
{
    if (slot->is_started) {
        await(slot, false);
        set_state(slot, SLOT_ENDED);
        pthread_join(slot->thread, NULL);
        pthread_cond_destroy(&slot->changed);
        pthread_mutex_destroy(&slot->mutex);
    }
    byte_buffer_release(&slot->removed);
    byte_buffer_release(&slot->added);
    free(slot->facts);
}

static void makers_release(struct makers *makers)
{
    for (size_t i = 0; i < makers->count; i++) {
        rows_encoder_close(makers->all[i].encoder);
        dump_buffer_release(&makers->all[i].buffer);
        rows_total_release(&makers->all[i].total);
    }
    free(makers->all);
    pthread_cond_destroy(&makers->changed);
    pthread_mutex_destroy(&makers->mutex);
}

static void makers_open(struct makers *makers, size_t count)
{
    pthread_mutex_init(&makers->mutex, NULL);
    pthread_cond_init(&makers->changed, NULL);
    makers->all = byte_buffer_calloc(count, sizeof(*makers->all));
    makers->count = count;
    for (size_t i = 0; i < count; i++)
        makers->all[i].encoder = rows_encoder_open();
}

void rows_writer_close(struct rows_writer *rows)
{
    if (rows == NULL)
        return;
    for (size_t i = 0; i < rows->slot_count; i++)
        slot_release(&rows->slots[i]);
    free(rows->slots);
    makers_release(&rows->makers);
    free(rows->facts);
    free(rows);
}

static bool slot_start(struct slot *slot, struct makers *makers, int level, struct error *err)
{
    slot->makers = makers;
    slot->level = level;
    pthread_mutex_init(&slot->mutex, NULL);
    pthread_cond_init(&slot->changed, NULL);
    if (pthread_create(&slot->thread, NULL, run, slot) != 0)
        return error_set(err, ERROR_IO, "cannot start a thread");
    slot->is_started = true;
    return true;
}

bool rows_writer_open(
    struct rows_writer **out, const struct rows_writer_options *options, struct error *err)
{
    struct rows_writer *rows = byte_buffer_calloc(1, sizeof(*rows));

    assert(options->thread_count > 0 && options->thread_count <= ROWS_WRITER_THREAD_COUNT_MAX);
    rows->writer = options->writer;
    rows->schema = options->schema;
    rows->level = options->level;
    rows->is_recompressed = options->is_recompressed;
    rows->next_number = 1; /* the schema is 0 */
    makers_open(&rows->makers, options->thread_count);
    /* One is being filled while the others are at work. */
    rows->slot_count = options->thread_count + 1;
    rows->slots = byte_buffer_calloc(rows->slot_count, sizeof(*rows->slots));
    for (size_t i = 0; i < rows->slot_count; i++)
        if (!slot_start(&rows->slots[i], &rows->makers, options->level, err)) {
            rows_writer_close(rows);
            return false;
        }
    *out = rows;
    return true;
}

/* --- rows ---------------------------------------------------------------------------------- */

static struct slot *current(const struct rows_writer *rows)
{
    return &rows->slots[rows->fill];
}

void rows_writer_begin(struct rows_writer *rows, uint32_t table)
{
    uint32_t column_count = rows->schema->tables[table].column_count;

    assert(current(rows)->entry.row_count == 0);
    rows->table = table;
    rows->block_count = 0;
    rows->size = 0;
    rows->facts = byte_buffer_realloc(rows->facts, column_count * sizeof(*rows->facts));
    memset(rows->facts, 0, column_count * sizeof(*rows->facts));
}

size_t rows_writer_size(const struct rows_writer *rows)
{
    return current(rows)->removed.size + current(rows)->added.size;
}

uint32_t rows_writer_block_count(const struct rows_writer *rows)
{
    return rows->block_count + (current(rows)->entry.row_count > 0 ? 1 : 0);
}

/* Appends the block of a slot that is done, and frees the slot. */
static bool collect(struct rows_writer *rows, struct slot *slot, struct error *err)
{
    if (await(slot, false) == SLOT_FREE)
        return true;
    if (slot->has_failed) {
        *err = slot->failure;
        return false;
    }
    rows->size += slot->size;
    for (uint32_t i = 0; i < slot->table->column_count; i++)
        table_end_merge(&rows->facts[i], &slot->facts[i]);
    if (!dump_writer_append(rows->writer, &slot->entry, &slot->added, err))
        return false;
    empty_buffer(&slot->removed);
    empty_buffer(&slot->added);
    slot->entry = (struct index_entry){0};
    set_state(slot, SLOT_FREE);
    return true;
}

/* Hands the current slot to its thread. */
static bool submit(struct rows_writer *rows, struct error *err)
{
    struct slot *slot = current(rows);

    slot->table = &rows->schema->tables[rows->table];
    slot->number = rows->next_number++;
    rows->block_count++;
    set_state(slot, SLOT_FILLED);
    /* The next slot holds the oldest block on its way. */
    rows->fill = (rows->fill + 1) % rows->slot_count;
    return collect(rows, current(rows), err);
}

bool rows_writer_cut(struct rows_writer *rows, struct error *err)
{
    struct slot *slot = current(rows);

    if (slot->entry.row_count == 0)
        return true;
    slot->is_copy = false;
    slot->entry.table = rows->table;
    slot->entry.cut = slot->added.size > 0 ? slot->added_cut : slot->removed_cut;
    return submit(rows, err);
}

bool rows_writer_copy(
    struct rows_writer *rows, const struct dump_reader *dump, size_t number, struct error *err)
{
    struct slot *slot;

    if (!rows_writer_cut(rows, err))
        return false;
    slot = current(rows);
    slot->is_copy = true;
    slot->copy = (struct block_copy_order){.dump = dump,
        .number = number,
        .new_number = rows->next_number,
        .new_table = rows->table,
        .level = rows->level,
        .is_recompressed = rows->is_recompressed};
    return submit(rows, err);
}

bool rows_writer_add(struct rows_writer *rows, const struct rows_writer_row *row, struct error *err)
{
    struct slot *slot = current(rows);

    if (rows_writer_size(rows) > 0 && row->size > CHUNK_SIZE_MAX) {
        if (!rows_writer_cut(rows, err))
            return false;
        slot = current(rows);
    }
    slot->entry.row_count++;
    if (row->is_removed) {
        slot->entry.removed_count++;
        slot->entry.sum = checksum_subtract(slot->entry.sum, row->hash);
        slot->removed_cut = row->hash.low;
        byte_buffer_put(&slot->removed, row->bytes, row->size);
    } else {
        slot->entry.sum = checksum_add(slot->entry.sum, row->hash);
        slot->added_cut = row->hash.low;
        byte_buffer_put(&slot->added, row->bytes, row->size);
    }
    if (rows_writer_size(rows) >= CHUNK_SIZE_MAX || slot->entry.row_count == ROWS_COUNT_MAX)
        return rows_writer_cut(rows, err);
    return true;
}

bool rows_writer_end(struct rows_writer *rows, struct table_end *end,
    const struct byte_buffer *units, struct error *err)
{
    if (!rows_writer_cut(rows, err))
        return false;
    /* The current slot is free; the one behind it is the oldest. */
    for (size_t i = 1; i < rows->slot_count; i++)
        if (!collect(rows, &rows->slots[(rows->fill + i) % rows->slot_count], err))
            return false;
    end->table = rows->table;
    end->column_count = rows->schema->tables[rows->table].column_count;
    end->facts = rows->facts;
    end->size = rows->size;
    if (units != NULL) {
        rows->next_number++;
        if (!dump_writer_block(rows->writer, BLOCK_UNITS, rows->table, units, err))
            return false;
    }
    rows->next_number++;
    return dump_writer_table_end(rows->writer, end, err);
}
