#include "replay/preflight/key_scan.h"

#include "base/owned.h"
#include "base/stop.h"

#include <stdlib.h>

#define BATCH_COUNT 1024
#define RECENT_COUNT 1024   /* a power of two */
#define BLOCKS_PER_THREAD 4 /* with less to do, another thread is not worth it */

/* Keys of one kind on their way to the runs. */
struct batch {
    struct hash128 hashes[BATCH_COUNT];
    size_t count;
    struct hash128 recent[RECENT_COUNT]; /* of distinct ones: most repetitions end here */
};

/* What the threads share. */
struct work {
    const struct key_scan *scan;
    const struct plan_table *table;
    uint32_t *columns; /* owned: of the dump's, each once */
    size_t column_count;
    size_t end_block;
    atomic_size_t next_block;
    pthread_mutex_t lock; /* guards what follows */
    bool has_failed;
    struct error error;
};

/* One thread. */
struct hand {
    struct work *work;
    struct dump_buffer buffer;
    struct byte_buffer scratch;
    struct value *values;  /* owned */
    struct batch *batches; /* owned: one for each item */
    pthread_t thread;
};

static void hand_release(struct hand *hand)
{
    dump_buffer_release(&hand->buffer);
    byte_buffer_release(&hand->scratch);
    free(hand->values);
    free(hand->batches);
}

static void want_column(struct work *work, const struct copy_column *column)
{
    for (size_t i = 0; i < work->column_count; i++)
        if (work->columns[i] == column->source)
            return;
    work->columns[work->column_count++] = column->source;
}

static void want_columns(struct work *work)
{
    const struct key_scan *scan = work->scan;

    work->columns =
        byte_buffer_calloc(scan->item_count * (KEY_COLUMN_MAX + 1), sizeof(*work->columns));
    for (size_t i = 0; i < scan->item_count; i++) {
        const struct key *key = &scan->items[i]->key;

        for (size_t j = 0; j < key->count; j++)
            want_column(work, key->columns[j]);
        if (key->filter != NULL)
            want_column(work, key->filter);
    }
}

static bool flush(struct key_scan_item *item, struct batch *batch, struct error *err)
{
    size_t count = batch->count;

    batch->count = 0;
    return count == 0 || key_runs_add(&item->runs, batch->hashes, count, err);
}

static bool add(
    struct key_scan_item *item, struct batch *batch, struct hash128 hash, struct error *err)
{
    struct hash128 *recent = &batch->recent[hash.low & (RECENT_COUNT - 1)];

    if (item->is_distinct && checksum_equal(*recent, hash))
        return true;
    *recent = hash;
    batch->hashes[batch->count++] = hash;
    return batch->count < BATCH_COUNT || flush(item, batch, err);
}

static bool read_block(struct hand *hand, size_t number, struct error *err)
{
    const struct work *work = hand->work;
    const struct key_scan *scan = work->scan;

    if (!stop_check(err) || !dump_reader_rows(scan->reader, number, &hand->buffer, err))
        return false;
    while (
        rows_block_next_of(&hand->buffer.rows, work->columns, work->column_count, hand->values)) {
        for (size_t i = 0; i < scan->item_count; i++) {
            struct key_scan_item *item = scan->items[i];
            struct hash128 hash;
            enum key_content content = key_hash(&item->key, hand->values, &hand->scratch, &hash);

            if (content == KEY_MIXED)
                atomic_store_explicit(&item->is_mixed, true, memory_order_relaxed);
            else if (content == KEY_WHOLE && !add(item, &hand->batches[i], hash, err))
                return false;
        }
    }
    return true;
}

static bool read_blocks(struct hand *hand, struct error *err)
{
    struct work *work = hand->work;
    size_t number;

    while ((number = atomic_fetch_add(&work->next_block, 1)) < work->end_block)
        if (!read_block(hand, number, err))
            return false;
    for (size_t i = 0; i < work->scan->item_count; i++)
        if (!flush(work->scan->items[i], &hand->batches[i], err))
            return false;
    return true;
}

static void *run_hand(void *argument)
{
    struct hand *hand = argument;
    struct work *work = hand->work;
    struct error error;

    if (read_blocks(hand, &error))
        return NULL;
    atomic_store(&work->next_block, work->end_block); /* the others end soon */
    pthread_mutex_lock(&work->lock);
    if (!work->has_failed)
        work->error = error;
    work->has_failed = true;
    pthread_mutex_unlock(&work->lock);
    return NULL;
}

static void init_hand(struct hand *hand, struct work *work)
{
    const struct key_scan *scan = work->scan;

    hand->work = work;
    hand->values = byte_buffer_calloc(
        scan->reader->schema.tables[work->table->source].column_count + 1, sizeof(struct value));
    hand->batches = byte_buffer_calloc(scan->item_count, sizeof(*hand->batches));
}

/* The caller is the first hand; without further threads it does everything. */
static void run_hands(struct work *work, size_t count)
{
    struct hand *hands = byte_buffer_calloc(count, sizeof(*hands));
    size_t started = 1;

    for (size_t i = 0; i < count; i++)
        init_hand(&hands[i], work);
    while (started < count
           && pthread_create(&hands[started].thread, NULL, run_hand, &hands[started]) == 0)
        started++;
    run_hand(&hands[0]);
    for (size_t i = 1; i < started; i++)
        pthread_join(hands[i].thread, NULL);
    for (size_t i = 0; i < count; i++)
        hand_release(&hands[i]);
    free(hands);
}

bool key_scan_run(const struct key_scan *scan, struct error *err)
{
    const struct plan_table *table = scan->items[0]->key.table;
    size_t block_count = scan->reader->block_count[table->source];
    size_t thread_count = block_count / BLOCKS_PER_THREAD + 1;
    struct work work = {.scan = scan, .table = table};

    atomic_init(&work.next_block, scan->reader->first_block[table->source]);
    work.end_block = scan->reader->first_block[table->source] + block_count;
    if (thread_count > scan->thread_count)
        thread_count = scan->thread_count == 0 ? 1 : scan->thread_count;
    pthread_mutex_init(&work.lock, NULL);
    want_columns(&work);
    run_hands(&work, thread_count);
    pthread_mutex_destroy(&work.lock);
    free(work.columns);
    if (!work.has_failed)
        return true;
    *err = work.error;
    return error_wrap(err, "table \"%s\"", table->name);
}
