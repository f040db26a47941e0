#include "dump/batch_pool.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef MADV_HUGEPAGE
/* Where the system has large pages to give, filling a batch faults less often. */
static void ask_for_large_pages(const struct byte_buffer *rows)
{
    uintptr_t page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t first = ((uintptr_t)rows->data + page_size - 1) / page_size * page_size;
    uintptr_t end = ((uintptr_t)rows->data + rows->capacity) / page_size * page_size;

    (void)madvise((void *)first, end - first, MADV_HUGEPAGE);
}
#endif

/* Address space for an ordinary batch; what is not used of it takes no memory. */
static void make_room(struct row_batch *batch)
{
    byte_buffer_reserve(&batch->rows, CHUNK_SIZE_MAX);
#ifdef MADV_HUGEPAGE
    ask_for_large_pages(&batch->rows);
#endif
}

void batch_pool_init(struct batch_pool *pool, unsigned thread_count, size_t held_count)
{
    /* One is filled, one is written. Of two threads the reader is one, who would else compress
       while the other has nothing to do. A caller that may hold some seldom holds more than one. */
    size_t spare = thread_count > 2 ? 2 : 3;
    size_t more = thread_count > 2 ? thread_count - 2 : 1;
    size_t count = held_count == 0 ? thread_count + spare : held_count + more;

    *pool = (struct batch_pool){
        .batches = byte_buffer_calloc(count, sizeof(*pool->batches)),
        .free_batches = byte_buffer_calloc(count, sizeof(*pool->free_batches)),
        .count = count,
        .kept_size = held_count == 0 ? CHUNK_SIZE_MAX : BYTE_BUFFER_KEPT_SIZE,
    };
    while (pool->free_count < count) {
        make_room(&pool->batches[pool->free_count]);
        pool->free_batches[pool->free_count] = &pool->batches[pool->free_count];
        pool->free_count++;
    }
}

void batch_pool_release(struct batch_pool *pool)
{
    for (size_t i = 0; i < pool->count; i++)
        byte_buffer_release(&pool->batches[i].rows);
    free(pool->batches);
    free(pool->free_batches);
    *pool = (struct batch_pool){0};
}

struct row_batch *batch_pool_take(struct batch_pool *pool)
{
    return pool->free_count == 0 ? NULL : pool->free_batches[--pool->free_count];
}

void batch_pool_give_back(struct batch_pool *pool, struct row_batch *batch)
{
    if (batch->is_large) {
        byte_buffer_release(&batch->rows);
        make_room(batch);
        pool->has_large = false;
    } else if (batch->rows.size > pool->kept_size)
        byte_buffer_give_back(&batch->rows, pool->kept_size);
    *batch = (struct row_batch){.rows = batch->rows};
    batch->rows.size = 0;
    pool->free_batches[pool->free_count++] = batch;
}

bool batch_pool_allow_large(struct batch_pool *pool, struct row_batch *batch)
{
    if (batch->is_large)
        return true;
    if (pool->has_large)
        return false;
    pool->has_large = true;
    batch->is_large = true;
    return true;
}
