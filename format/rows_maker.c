#include "format/rows_maker.h"

#include "format/block.h"
#include "format/movable_frame.h"

#include <assert.h>
#include <stdlib.h>

#define NUMBER_OFFSET 4 /* in a raw block (SPEC 3.2) */

/* --- one ------------------------------------------------------------------------------ */

void rows_maker_release(struct rows_maker *maker)
{
    rows_encoder_close(maker->encoder);
    unit_merge_release(&maker->merge);
    rows_total_release(&maker->total);
    *maker = (struct rows_maker){0};
}

/* Compresses the raw block in the maker's buffer. */
static void compress(struct rows_maker *maker, const struct rows_maker_block *block)
{
    struct dump_buffer *buffer = rows_maker_buffer(maker);
    struct byte_buffer *raw = &buffer->raw;

    byte_buffer_store_u32(raw->data + NUMBER_OFFSET, block->number);
    block->entry->type = BLOCK_ROWS;
    block->entry->raw_size = (uint32_t)raw->size;
    block->entry->checksum = checksum_xxh3(raw->data, raw->size);
    block_compress(&buffer->codec, block->frame, raw, block->level);
}

bool rows_maker_make(struct rows_maker *maker, const struct rows_input *rows,
    const struct rows_maker_block *block, struct error *err)
{
    struct byte_buffer *raw = &rows_maker_buffer(maker)->raw;

    if (maker->encoder == NULL)
        maker->encoder = rows_encoder_open();
    block_begin(raw, BLOCK_ROWS, 0);
    rows_encoder_encode(maker->encoder, raw, rows);
    if (raw->size > BLOCK_SIZE_MAX)
        return error_set(
            err, ERROR_UNSUPPORTED, "rows of %zu bytes do not fit one block of a dump", rows->size);
    compress(maker, block);
    return true;
}

void rows_maker_move(struct rows_maker *maker, const struct rows_maker_block *block)
{
    struct dump_buffer *buffer = rows_maker_buffer(maker);
    struct byte_buffer *raw = &buffer->raw;
    uint8_t head[MOVABLE_FRAME_HEAD_SIZE];
    uint32_t checksum;
    struct error err;
    bool done = block_decompress(
        &buffer->codec, raw, block->frame->data, block->frame->size, block->entry->raw_size, &err);

    assert(done);
    byte_buffer_store_u32(raw->data + NUMBER_OFFSET, block->number);
    block->entry->checksum = checksum_xxh3(raw->data, raw->size);
    if (movable_frame_split(block->frame, head, &checksum))
        movable_frame_join(block->frame, raw->data, raw->size, MOVABLE_FRAME_HEAD_SIZE);
    else
        block_compress(&buffer->codec, block->frame, raw, block->level);
}

/* --- all ------------------------------------------------------------------------------ */

void rows_maker_pool_open(struct rows_maker_pool *pool, size_t count)
{
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->changed, NULL);
    pool->all = byte_buffer_calloc(count, sizeof(*pool->all));
    pool->count = count;
    pool->kept_size = byte_buffer_kept_share(count);
}

void rows_maker_pool_release(struct rows_maker_pool *pool)
{
    if (pool->all == NULL)
        return;
    for (size_t i = 0; i < pool->count; i++)
        rows_maker_release(&pool->all[i]);
    free(pool->all);
    pthread_cond_destroy(&pool->changed);
    pthread_mutex_destroy(&pool->mutex);
    *pool = (struct rows_maker_pool){0};
}

static struct rows_maker *find_free(const struct rows_maker_pool *pool)
{
    for (size_t i = 0; i < pool->count; i++)
        if (!pool->all[i].is_taken)
            return &pool->all[i];
    return NULL;
}

struct rows_maker *rows_maker_pool_take(struct rows_maker_pool *pool)
{
    struct rows_maker *found;

    pthread_mutex_lock(&pool->mutex);
    while ((found = find_free(pool)) == NULL)
        pthread_cond_wait(&pool->changed, &pool->mutex);
    found->is_taken = true;
    pthread_mutex_unlock(&pool->mutex);
    return found;
}

void rows_maker_pool_give_back(struct rows_maker_pool *pool, struct rows_maker *maker)
{
    unit_merge_trim(&maker->merge, pool->kept_size);
    pthread_mutex_lock(&pool->mutex);
    maker->is_taken = false;
    pthread_cond_signal(&pool->changed);
    pthread_mutex_unlock(&pool->mutex);
}
