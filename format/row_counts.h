/* A multiset of row hashes: how often each is still wanted. */
#ifndef FORMAT_ROW_COUNTS_H
#define FORMAT_ROW_COUNTS_H

#include "format/checksum.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct row_count; /* internal */

/* Zero-initialise. */
struct row_counts {
    struct row_count *slots; /* owned; open addressing */
    size_t slot_count;       /* a power of two, or 0 */
    size_t used;             /* slots that hold a hash, also with count 0 */
    uint64_t total;          /* rows in the multiset */
};

void row_counts_release(struct row_counts *counts);

/* Empties it and keeps the memory. */
void row_counts_clear(struct row_counts *counts);

/* Adds a row. */
void row_counts_add(struct row_counts *counts, struct hash128 hash);

/* Takes one such row out; false if there is none. */
bool row_counts_take(struct row_counts *counts, struct hash128 hash);

#endif
