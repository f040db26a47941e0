/*
 * Random numbers that a seed brings back.
 */
#ifndef TESTS_RANDOM_SOURCE_H
#define TESTS_RANDOM_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct random_source {
    uint64_t state;
};

/* The seed: $VALISE_SEED if set, else the time; it is printed, so that a failure can be repeated.
 */
struct random_source random_source_open(void);

uint64_t random_source_next(struct random_source *random);

/* From 0 to limit - 1; 0 when limit is 0. */
uint64_t random_source_below(struct random_source *random, uint64_t limit);

/* True once in `times`. */
bool random_source_once_in(struct random_source *random, uint64_t times);

/* Mostly small, sometimes as large as limit - 1. */
uint64_t random_source_size(struct random_source *random, uint64_t limit);

void random_source_fill(struct random_source *random, uint8_t *bytes, size_t size);

#endif
