#include "format/row_counts.h"

#include "base/byte_buffer.h"

#include <stdlib.h>

#define SLOT_COUNT_MIN ((size_t)1024)

struct row_count {
    struct hash128 hash;
    uint64_t count;
    bool is_used;
};

void row_counts_release(struct row_counts *counts)
{
    free(counts->slots);
    *counts = (struct row_counts){0};
}

void row_counts_clear(struct row_counts *counts)
{
    if (counts->used > 0)
        memset(counts->slots, 0, counts->slot_count * sizeof(*counts->slots));
    counts->used = 0;
    counts->total = 0;
}

/* The slot of this hash, or the free one where it belongs. */
static struct row_count *find(struct row_count *slots, size_t slot_count, struct hash128 hash)
{
    size_t at = hash.high & (slot_count - 1);

    while (slots[at].is_used && !checksum_equal(slots[at].hash, hash))
        at = (at + 1) & (slot_count - 1);
    return &slots[at];
}

static void grow(struct row_counts *counts)
{
    size_t wider = counts->slot_count == 0 ? SLOT_COUNT_MIN : counts->slot_count * 2;
    struct row_count *slots = byte_buffer_calloc(wider, sizeof(*slots));

    for (size_t i = 0; i < counts->slot_count; i++)
        if (counts->slots[i].is_used)
            *find(slots, wider, counts->slots[i].hash) = counts->slots[i];
    free(counts->slots);
    counts->slots = slots;
    counts->slot_count = wider;
}

void row_counts_add(struct row_counts *counts, struct hash128 hash)
{
    struct row_count *slot;

    if (counts->used * 2 >= counts->slot_count)
        grow(counts);
    slot = find(counts->slots, counts->slot_count, hash);
    if (!slot->is_used) {
        slot->is_used = true;
        slot->hash = hash;
        counts->used++;
    }
    slot->count++;
    counts->total++;
}

bool row_counts_take(struct row_counts *counts, struct hash128 hash)
{
    struct row_count *slot;

    if (counts->total == 0)
        return false;
    slot = find(counts->slots, counts->slot_count, hash);
    if (!slot->is_used || slot->count == 0)
        return false;
    slot->count--;
    counts->total--;
    return true;
}
