/* A set of keys, each by its 128-bit hash: 32 bytes of memory for a row. */
#ifndef REPLAY_KEY_SET_H
#define REPLAY_KEY_SET_H

#include "format/checksum.h"

#include <stdbool.h>
#include <stddef.h>

/* Zero-initialise. */
struct key_set {
    struct hash128 *slots; /* owned; zero is free */
    size_t slot_count;     /* a power of two */
    size_t count;
};

void key_set_release(struct key_set *set);

/* Adds a key; false if it was there. */
bool key_set_add(struct key_set *set, struct hash128 hash);

bool key_set_has(const struct key_set *set, struct hash128 hash);

#endif
