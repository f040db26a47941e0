/*
 * XXH3-128 and sums of it (SPEC 2.3): for rows, blocks and tables.
 */
#ifndef FORMAT_CHECKSUM_H
#define FORMAT_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A 128-bit number; sums of row hashes are taken modulo 2^128. */
struct hash128 {
    uint64_t low;
    uint64_t high;
};

#define HASH128_SIZE 16 /* bytes in a file: low, then high, little-endian */

/* XXH3-128 with seed 0. */
struct hash128 checksum_xxh3(const void *data, size_t size);

static inline struct hash128 checksum_add(struct hash128 a, struct hash128 b)
{
    struct hash128 sum = {.low = a.low + b.low, .high = a.high + b.high};

    sum.high += sum.low < a.low;
    return sum;
}

static inline struct hash128 checksum_subtract(struct hash128 a, struct hash128 b)
{
    struct hash128 rest = {.low = a.low - b.low, .high = a.high - b.high};

    rest.high -= a.low < b.low;
    return rest;
}

static inline bool checksum_equal(struct hash128 a, struct hash128 b)
{
    return a.low == b.low && a.high == b.high;
}

void checksum_store(uint8_t out[HASH128_SIZE], struct hash128 hash);
struct hash128 checksum_load(const uint8_t in[HASH128_SIZE]);

#endif
