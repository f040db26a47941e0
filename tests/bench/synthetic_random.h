/*
 * Random numbers and text that are the same everywhere for the same seed.
 *
 * Integer arithmetic only: no libm, no host sizes, so a generated database does
 * not depend on the machine that made it.
 */
#ifndef BENCH_SYNTHETIC_RANDOM_H
#define BENCH_SYNTHETIC_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct synthetic_random {
    uint64_t state[4]; /* xoshiro256** */
};

/* Starts the sequence of a seed. */
void synthetic_random_init(struct synthetic_random *random, uint64_t seed);

/* The next 64 bits. */
uint64_t synthetic_random_next(struct synthetic_random *random);

/* A number from 0 to limit - 1; limit > 0. */
uint32_t synthetic_random_below(struct synthetic_random *random, uint32_t limit);

/* True once in `odds` times. */
bool synthetic_random_one_in(struct synthetic_random *random, uint32_t odds);

/* A number from 0 to limit - 1 whose logarithm is uniform: small ones are frequent. */
uint32_t synthetic_random_skewed(struct synthetic_random *random, uint32_t limit);

/* Mixes a text into 64 bits; equal texts and salts give equal numbers. */
uint64_t synthetic_random_mix(const void *bytes, size_t size, uint64_t salt);

/* Writes count random URL-safe base64 characters and a NUL to out. */
void synthetic_random_base64url(struct synthetic_random *random, char *out, size_t count);

#endif
