#include "dump/read_ahead.h"

#include "base/byte_buffer.h"
#include "dump/file_format.h"

#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* SQLite's file format, section 1.6. */
#define INTERIOR_HEADER_SIZE 12u
#define INTERIOR_CELL_SIZE_MIN 7u /* with its pointer */

#define PLACES_SIZE_MAX ((size_t)1 << 20)
#define PLACE_COUNT_MAX 256u
#define SKIP_COUNT_MAX 64u /* SQLite may have a page already, and not ask for it */
#define LEAD_COUNT 4u      /* pages left to SQLite where the thread is behind it */
#define LIST_SIZE ((size_t)1 << 14)

static_assert(FILE_FORMAT_PAGE_SIZE_MAX / INTERIOR_CELL_SIZE_MIN + 1 < LIST_SIZE,
    "what lies below one page must find room");

/* Room for one page. */
struct place {
    atomic_uint_fast64_t number; /* of the page that is here, 0 for none */
    uint8_t *bytes;
};

/*
 * The pages to come are numbered from 1. The caller appends to the list and says how far it has
 * come; the thread reads what lies between, as far ahead as there are places. A place belongs to
 * the thread until it has written the number, then to the caller until it has come past it.
 *
 * No number comes twice, and the caller asks for none that it has passed. So it does no harm if
 * the thread, stopped for long, reads for such a number, even from a list that was overwritten.
 */
struct read_ahead {
    int fd;
    size_t page_size;
    size_t place_count;
    struct place places[PLACE_COUNT_MAX]; /* of a page: its number modulo place_count */
    uint8_t *bytes;                       /* owned; of all places */
    atomic_uint_fast32_t list[LIST_SIZE]; /* pages of the file, at number modulo LIST_SIZE */
    atomic_uint_fast64_t list_end;        /* number of the page that is appended next */
    atomic_uint_fast64_t next_taken;      /* number of the page that SQLite may want next */

    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    atomic_bool is_waiting;         /* the thread is, */
    atomic_uint_fast64_t resume_at; /* till next_taken is this, or the list is longer, */
    atomic_bool is_closing;         /* or this is set */
};

/* --- the thread ---------------------------------------------------------------------- */

static void read_page(struct read_ahead *a, uint64_t number)
{
    struct place *place = &a->places[number % a->place_count];
    off_t page = (off_t)atomic_load(&a->list[number % LIST_SIZE]);
    ssize_t got = pread(a->fd, place->bytes, a->page_size, (page - 1) * (off_t)a->page_size);

    /* SQLite will find out by itself what is wrong. */
    atomic_store(&place->number, got == (ssize_t)a->page_size ? number : 0);
}

/* Waits till there is something to read, and room for half of the places at once. */
static void wait_for_caller(struct read_ahead *a, uint64_t next, uint64_t list_end)
{
    pthread_mutex_lock(&a->mutex);
    atomic_store(&a->resume_at, next < list_end ? next - a->place_count / 2 : UINT64_MAX);
    atomic_store(&a->is_waiting, true);
    while (!atomic_load(&a->is_closing) && atomic_load(&a->list_end) == list_end
           && atomic_load(&a->next_taken) < atomic_load(&a->resume_at))
        pthread_cond_wait(&a->changed, &a->mutex);
    atomic_store(&a->is_waiting, false);
    pthread_mutex_unlock(&a->mutex);
}

static void *read_on(void *argument)
{
    struct read_ahead *a = argument;
    uint64_t next = 1;

    while (!atomic_load(&a->is_closing)) {
        uint64_t list_end = atomic_load(&a->list_end);
        uint64_t taken = atomic_load(&a->next_taken);

        if (next < taken)
            next = taken + LEAD_COUNT;
        if (next < list_end && next < taken + a->place_count)
            read_page(a, next++);
        else
            wait_for_caller(a, next, list_end);
    }
    return NULL;
}

/* --- opening and closing ------------------------------------------------------------- */

static void wake(struct read_ahead *a)
{
    pthread_mutex_lock(&a->mutex);
    pthread_cond_signal(&a->changed);
    pthread_mutex_unlock(&a->mutex);
}

static void release(struct read_ahead *a)
{
    pthread_cond_destroy(&a->changed);
    pthread_mutex_destroy(&a->mutex);
    close(a->fd);
    free(a->bytes);
    free(a);
}

static struct read_ahead *allocate(int fd, uint32_t page_size)
{
    struct read_ahead *a = byte_buffer_calloc(1, sizeof(*a));
    size_t count = PLACES_SIZE_MAX / page_size;

    assert(page_size <= FILE_FORMAT_PAGE_SIZE_MAX);
    a->fd = fd;
    a->page_size = page_size;
    a->place_count = count < PLACE_COUNT_MAX ? count : PLACE_COUNT_MAX;
    a->bytes = byte_buffer_calloc(a->place_count, page_size);
    for (size_t i = 0; i < a->place_count; i++)
        a->places[i].bytes = a->bytes + i * page_size;
    atomic_store(&a->list_end, 1);
    atomic_store(&a->next_taken, 1);
    pthread_mutex_init(&a->mutex, NULL);
    pthread_cond_init(&a->changed, NULL);
    return a;
}

bool read_ahead_open(
    struct read_ahead **out, const char *path, uint32_t page_size, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct read_ahead *a;
    int number;

    if (fd < 0)
        return error_set_errno(err, "cannot open \"%s\"", path);
    a = allocate(fd, page_size);
    number = pthread_create(&a->thread, NULL, read_on, a);
    if (number != 0) {
        release(a);
        return error_set(err, ERROR_IO, "cannot start a thread: %s", strerror(number));
    }
    *out = a;
    return true;
}

void read_ahead_close(struct read_ahead *a)
{
    if (a == NULL)
        return;
    atomic_store(&a->is_closing, true);
    wake(a);
    pthread_join(a->thread, NULL);
    release(a);
}

/* --- the caller's side --------------------------------------------------------------- */

/* The number of this page of the file, or 0 if it is not expected. */
static uint64_t find(const struct read_ahead *a, uint64_t page)
{
    uint64_t number = atomic_load(&a->next_taken);
    uint64_t end = atomic_load(&a->list_end);

    if (end > number + SKIP_COUNT_MAX)
        end = number + SKIP_COUNT_MAX;
    for (; number < end; number++)
        if (atomic_load(&a->list[number % LIST_SIZE]) == page)
            return number;
    return 0;
}

bool read_ahead_take(struct read_ahead *a, void *out, size_t size, uint64_t offset)
{
    uint64_t number = size == a->page_size ? find(a, offset / size + 1) : 0;
    const struct place *place = &a->places[number % a->place_count];
    bool is_here = number > 0 && atomic_load(&place->number) == number;

    if (number == 0)
        return false;
    if (is_here)
        memcpy(out, place->bytes, size);
    atomic_store(&a->next_taken, number + 1);
    if (atomic_load(&a->is_waiting) && number + 1 >= atomic_load(&a->resume_at))
        wake(a);
    return is_here;
}

/* Appends the page that the four bytes at `at` name; none, if they are not all on this page. */
static void append(struct read_ahead *a, uint64_t *end, const uint8_t *page, size_t at)
{
    uint32_t child = at + 4 <= a->page_size ? file_format_u32(page + at) : 0;

    if (child > 0)
        atomic_store(&a->list[(*end)++ % LIST_SIZE], child);
}

void read_ahead_follow(struct read_ahead *a, const uint8_t *page, size_t size, uint64_t offset)
{
    size_t header = offset == 0 ? FILE_FORMAT_HEADER_SIZE : 0;
    size_t cells = header + INTERIOR_HEADER_SIZE;
    uint64_t end = atomic_load(&a->list_end);
    uint32_t count;

    if (size != a->page_size || page[header] != FILE_FORMAT_INTERIOR_TABLE)
        return;
    count = file_format_u16(page + header + 3);
    /* A page of bytes of a value may look like another one. */
    if (count > (size - cells) / INTERIOR_CELL_SIZE_MIN)
        return;
    atomic_store(&a->next_taken, end);
    for (uint32_t i = 0; i < count; i++)
        append(a, &end, page, file_format_u16(page + cells + (size_t)i * 2));
    append(a, &end, page, header + 8);
    atomic_store(&a->list_end, end);
    if (atomic_load(&a->is_waiting))
        wake(a);
}

void read_ahead_forget(struct read_ahead *a)
{
    atomic_store(&a->next_taken, atomic_load(&a->list_end));
}
