#include "format/block_ahead.h"

#include "base/byte_buffer.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#define RING_COUNT 2                            /* blocks read ahead, besides the caller's */
#define LARGE_SIZE ((uint32_t)16 * 1024 * 1024) /* bytes: a block of more is not read ahead */

/* A block that was announced. */
struct wanted {
    const struct dump_reader *dump;
    size_t number;
};

/* A place of the ring, and how reading its block went. */
struct place {
    struct dump_buffer buffer;
    bool has_failed;
    struct error failure;
};

struct block_ahead {
    pthread_t thread;
    pthread_mutex_t mutex; /* guards all that follows */
    pthread_cond_t changed;
    struct byte_buffer wanted; /* struct wanted */
    size_t read_next;          /* of wanted: to be read, */
    size_t take_next;          /* to be taken */
    bool is_reading;
    bool is_closing;
    struct place ring[RING_COUNT]; /* wanted number modulo RING_COUNT; a place being read is the
                                      thread's, the others are the caller's */
};

static size_t wanted_count(const struct block_ahead *ahead)
{
    return ahead->wanted.size / sizeof(struct wanted);
}

static struct wanted *wanted_at(const struct block_ahead *ahead, size_t i)
{
    return (struct wanted *)(void *)ahead->wanted.data + i;
}

/* With the mutex held: is there a block to read, and a place for it? */
static bool may_read(const struct block_ahead *ahead)
{
    size_t next = ahead->read_next;
    const struct wanted *wanted = wanted_at(ahead, next);

    return next < wanted_count(ahead) && next < ahead->take_next + RING_COUNT
           && (next == ahead->take_next
               || wanted->dump->index.entries[wanted->number].raw_size <= LARGE_SIZE);
}

static void *read_blocks(void *argument)
{
    struct block_ahead *ahead = argument;

    pthread_mutex_lock(&ahead->mutex);
    for (;;) {
        struct wanted wanted;
        struct place *place;

        while (!ahead->is_closing && !may_read(ahead))
            pthread_cond_wait(&ahead->changed, &ahead->mutex);
        if (ahead->is_closing)
            break;
        wanted = *wanted_at(ahead, ahead->read_next);
        place = &ahead->ring[ahead->read_next % RING_COUNT];
        ahead->is_reading = true;
        pthread_mutex_unlock(&ahead->mutex);
        place->has_failed =
            !dump_reader_rows(wanted.dump, wanted.number, &place->buffer, &place->failure);
        pthread_mutex_lock(&ahead->mutex);
        ahead->is_reading = false;
        ahead->read_next++;
        pthread_cond_broadcast(&ahead->changed);
    }
    pthread_mutex_unlock(&ahead->mutex);
    return NULL;
}

bool block_ahead_open(struct block_ahead **out, struct error *err)
{
    struct block_ahead *ahead = byte_buffer_calloc(1, sizeof(*ahead));

    pthread_mutex_init(&ahead->mutex, NULL);
    pthread_cond_init(&ahead->changed, NULL);
    if (pthread_create(&ahead->thread, NULL, read_blocks, ahead) != 0) {
        free(ahead);
        return error_set(err, ERROR_IO, "cannot start a thread");
    }
    *out = ahead;
    return true;
}

void block_ahead_close(struct block_ahead *ahead)
{
    if (ahead == NULL)
        return;
    pthread_mutex_lock(&ahead->mutex);
    ahead->is_closing = true;
    pthread_cond_broadcast(&ahead->changed);
    pthread_mutex_unlock(&ahead->mutex);
    pthread_join(ahead->thread, NULL);
    pthread_cond_destroy(&ahead->changed);
    pthread_mutex_destroy(&ahead->mutex);
    for (size_t i = 0; i < RING_COUNT; i++)
        dump_buffer_release(&ahead->ring[i].buffer);
    byte_buffer_release(&ahead->wanted);
    free(ahead);
}

void block_ahead_announce(struct block_ahead *ahead, const struct dump_reader *dump, size_t number)
{
    struct wanted wanted = {.dump = dump, .number = number};

    pthread_mutex_lock(&ahead->mutex);
    byte_buffer_put(&ahead->wanted, &wanted, sizeof(wanted));
    pthread_cond_broadcast(&ahead->changed);
    pthread_mutex_unlock(&ahead->mutex);
}

bool block_ahead_take(struct block_ahead *ahead, const struct dump_reader *dump, size_t number,
    struct dump_buffer *buffer, struct error *err)
{
    struct place *place;
    struct dump_buffer before = *buffer;
    bool done;

    pthread_mutex_lock(&ahead->mutex);
    assert(ahead->take_next < wanted_count(ahead));
    assert(wanted_at(ahead, ahead->take_next)->dump == dump);
    assert(wanted_at(ahead, ahead->take_next)->number == number);
    while (ahead->read_next <= ahead->take_next)
        pthread_cond_wait(&ahead->changed, &ahead->mutex);
    place = &ahead->ring[ahead->take_next % RING_COUNT];
    if (before.raw.capacity > LARGE_SIZE)
        byte_buffer_release(&before.raw);
    done = !place->has_failed;
    if (!done)
        *err = place->failure;
    *buffer = place->buffer;
    place->buffer = before;
    ahead->take_next++;
    pthread_cond_broadcast(&ahead->changed);
    pthread_mutex_unlock(&ahead->mutex);
    return done;
}

void block_ahead_forget(struct block_ahead *ahead)
{
    pthread_mutex_lock(&ahead->mutex);
    while (ahead->is_reading)
        pthread_cond_wait(&ahead->changed, &ahead->mutex);
    ahead->wanted.size = 0;
    ahead->read_next = 0;
    ahead->take_next = 0;
    pthread_mutex_unlock(&ahead->mutex);
}
