/*
 * Very many keys, each by its 128-bit hash, read back in order.
 *
 * Memory is bounded: what is beyond the budget goes as sorted runs into an
 * unlinked file in $TMPDIR (or /tmp), and comes back merged. Two keys of 10^9
 * are taken for one with a chance of 1 in 10^20, so nobody sees a false answer.
 */
#ifndef REPLAY_KEY_RUNS_H
#define REPLAY_KEY_RUNS_H

#include "base/error.h"
#include "format/checksum.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where one run is being read. */
struct key_runs_cursor {
    uint64_t offset; /* in the file, in bytes: what is not in the buffer yet */
    uint64_t end;
    struct hash128 *buffer; /* borrowed from the runs */
    size_t next;
    size_t count;
};

struct key_runs {
    pthread_mutex_t lock;  /* of adding */
    size_t capacity;       /* hashes in memory */
    struct hash128 *items; /* owned: the present run, twice the capacity for sorting */
    size_t count;
    bool is_sorted;
    int fd;                          /* -1: everything is in memory */
    size_t spilled_count;            /* runs in the file, of `capacity` hashes each */
    struct key_runs_cursor *cursors; /* owned: a heap while reading */
    size_t cursor_count;
    struct hash128 *read_buffers; /* owned: read_count for each run in the file */
    size_t read_count;
};

void key_runs_init(struct key_runs *runs);

/* Bytes of memory to use, before anything is added; half as much again is needed while merging. */
void key_runs_limit(struct key_runs *runs, size_t budget);

void key_runs_release(struct key_runs *runs);

/* May be called by several threads at a time. Fails with ERROR_IO. */
MUST_CHECK bool key_runs_add(
    struct key_runs *runs, const struct hash128 *hashes, size_t count, struct error *err);

/* Ends adding, and begins reading from the first key; may be called again. */
MUST_CHECK bool key_runs_begin(struct key_runs *runs, struct error *err);

/* The next of the keys, in ascending order, and how many there are of it; 0 at the end. */
MUST_CHECK bool key_runs_next(
    struct key_runs *runs, struct hash128 *key, uint64_t *count, struct error *err);

/* The order of keys: less than 0, 0, more. */
int key_runs_compare(const struct hash128 *a, const struct hash128 *b);

#endif
