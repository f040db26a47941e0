#include "replay/preflight/key_runs.h"

#include "base/byte_buffer.h"
#include "base/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CAPACITY_MIN 4096
#define READ_COUNT_MIN 16  /* hashes of a run in memory while merging */
#define READ_COUNT_MAX 512 /* 8 KiB */

void key_runs_init(struct key_runs *runs)
{
    *runs = (struct key_runs){.fd = -1, .capacity = CAPACITY_MIN};
    pthread_mutex_init(&runs->lock, NULL);
}

void key_runs_limit(struct key_runs *runs, size_t budget)
{
    size_t capacity = budget / (2 * sizeof(struct hash128));

    runs->capacity = capacity < CAPACITY_MIN ? CAPACITY_MIN : capacity;
}

void key_runs_release(struct key_runs *runs)
{
    if (runs->fd >= 0)
        close(runs->fd);
    free(runs->items);
    free(runs->cursors);
    free(runs->read_buffers);
    pthread_mutex_destroy(&runs->lock);
    *runs = (struct key_runs){.fd = -1};
}

/* --- sorting ---------------------------------------------------------------- */

int key_runs_compare(const struct hash128 *a, const struct hash128 *b)
{
    if (a->high != b->high)
        return a->high < b->high ? -1 : 1;
    return a->low < b->low ? -1 : a->low > b->low;
}

/* One pass of a radix sort: stable, by a byte of the high half. */
static void scatter(const struct hash128 *from, struct hash128 *to, size_t count, unsigned shift)
{
    size_t places[256] = {0};
    size_t place = 0;

    for (size_t i = 0; i < count; i++)
        places[from[i].high >> shift & 255]++;
    for (size_t i = 0; i < 256; i++) {
        size_t here = places[i];

        places[i] = place;
        place += here;
    }
    for (size_t i = 0; i < count; i++)
        to[places[from[i].high >> shift & 255]++] = from[i];
}

/* `spare` has room for as many. The low halves of equal high ones are all but always equal. */
static void sort(struct hash128 *items, struct hash128 *spare, size_t count)
{
    for (unsigned shift = 0; shift < 64; shift += 16) {
        scatter(items, spare, count, shift);
        scatter(spare, items, count, shift + 8);
    }
    for (size_t i = 1; i < count; i++) {
        struct hash128 item = items[i];
        size_t at = i;

        for (; at > 0 && key_runs_compare(&items[at - 1], &item) > 0; at--)
            items[at] = items[at - 1];
        items[at] = item;
    }
}

/* --- adding ------------------------------------------------------------------- */

/* The run that is full goes to the file. */
static bool spill(struct key_runs *runs, struct error *err)
{
    if (runs->fd < 0 && !file_temporary(&runs->fd, err))
        return false;
    sort(runs->items, runs->items + runs->capacity, runs->count);
    if (!file_write_all(runs->fd, "a file in $TMPDIR (or /tmp)", runs->items,
            runs->count * sizeof(*runs->items), err))
        return false;
    runs->spilled_count++;
    runs->count = 0;
    return true;
}

static bool add(
    struct key_runs *runs, const struct hash128 *hashes, size_t count, struct error *err)
{
    if (runs->items == NULL)
        runs->items = byte_buffer_calloc(2 * runs->capacity, sizeof(*runs->items));
    while (count > 0) {
        size_t room = runs->capacity - runs->count;
        size_t taken = count < room ? count : room;

        memcpy(runs->items + runs->count, hashes, taken * sizeof(*hashes));
        runs->count += taken;
        hashes += taken;
        count -= taken;
        if (runs->count == runs->capacity && !spill(runs, err))
            return false;
    }
    return true;
}

bool key_runs_add(
    struct key_runs *runs, const struct hash128 *hashes, size_t count, struct error *err)
{
    bool done;

    pthread_mutex_lock(&runs->lock);
    done = add(runs, hashes, count, err);
    pthread_mutex_unlock(&runs->lock);
    return done;
}

/* --- merging -------------------------------------------------------------------- */

static bool fill(const struct key_runs *runs, struct key_runs_cursor *cursor, struct error *err)
{
    uint64_t left = cursor->end - cursor->offset;
    size_t size = runs->read_count * sizeof(struct hash128);
    size_t got = 0;

    if (left < size)
        size = (size_t)left;
    while (got < size) {
        ssize_t n = pread(
            runs->fd, (char *)cursor->buffer + got, size - got, (off_t)(cursor->offset + got));

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return error_set(err, ERROR_IO, "cannot read keys from a temporary file: %s",
                n == 0 ? "it became shorter" : strerror(errno));
        got += (size_t)n;
    }
    cursor->offset += size;
    cursor->next = 0;
    cursor->count = size / sizeof(struct hash128);
    return true;
}

static const struct hash128 *head(const struct key_runs_cursor *cursor)
{
    return &cursor->buffer[cursor->next];
}

/* Lets the run at `at` sink to where it belongs: the smallest head is first. */
static void sink(struct key_runs *runs, size_t at)
{
    for (;;) {
        size_t child = 2 * at + 1;
        struct key_runs_cursor swapped = runs->cursors[at];

        if (child >= runs->cursor_count)
            return;
        if (child + 1 < runs->cursor_count
            && key_runs_compare(head(&runs->cursors[child + 1]), head(&runs->cursors[child])) < 0)
            child++;
        if (key_runs_compare(head(&swapped), head(&runs->cursors[child])) <= 0)
            return;
        runs->cursors[at] = runs->cursors[child];
        runs->cursors[child] = swapped;
        at = child;
    }
}

static void begin_heap(struct key_runs *runs)
{
    for (size_t i = runs->cursor_count; i-- > 0;)
        sink(runs, i);
}

/* Together as many as one run has: more runs do not need more memory. */
static size_t read_count(const struct key_runs *runs)
{
    size_t count = runs->spilled_count == 0 ? 0 : runs->capacity / runs->spilled_count;

    if (count > READ_COUNT_MAX)
        return READ_COUNT_MAX;
    return count < READ_COUNT_MIN ? READ_COUNT_MIN : count;
}

static void prepare(struct key_runs *runs)
{
    if (!runs->is_sorted && runs->count > 0)
        sort(runs->items, runs->items + runs->capacity, runs->count);
    if (!runs->is_sorted) {
        runs->cursors = byte_buffer_calloc(runs->spilled_count + 1, sizeof(*runs->cursors));
        runs->read_count = read_count(runs);
        runs->read_buffers = byte_buffer_calloc(
            runs->spilled_count * runs->read_count + 1, sizeof(*runs->read_buffers));
    }
    runs->is_sorted = true;
}

bool key_runs_begin(struct key_runs *runs, struct error *err)
{
    uint64_t size = runs->capacity * sizeof(*runs->items);

    prepare(runs);
    for (size_t i = 0; i < runs->spilled_count; i++) {
        runs->cursors[i] = (struct key_runs_cursor){.offset = i * size,
            .end = (i + 1) * size,
            .buffer = runs->read_buffers + i * runs->read_count};
        if (!fill(runs, &runs->cursors[i], err))
            return false;
    }
    runs->cursor_count = runs->spilled_count;
    if (runs->count > 0)
        /* What was not spilled is a run in memory. */
        runs->cursors[runs->cursor_count++] =
            (struct key_runs_cursor){.buffer = runs->items, .count = runs->count};
    begin_heap(runs);
    return true;
}

/* The first run's head is used up. */
static bool advance(struct key_runs *runs, struct error *err)
{
    struct key_runs_cursor *first = &runs->cursors[0];

    if (++first->next == first->count) {
        if (first->offset < first->end) {
            if (!fill(runs, first, err))
                return false;
        } else {
            *first = runs->cursors[--runs->cursor_count];
        }
    }
    sink(runs, 0);
    return true;
}

bool key_runs_next(struct key_runs *runs, struct hash128 *key, uint64_t *count, struct error *err)
{
    *count = 0;
    if (runs->cursor_count == 0)
        return true;
    *key = *head(&runs->cursors[0]);
    while (runs->cursor_count > 0 && checksum_equal(*head(&runs->cursors[0]), *key)) {
        (*count)++;
        if (!advance(runs, err))
            return false;
    }
    return true;
}
