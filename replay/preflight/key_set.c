#include "replay/preflight/key_set.h"

#include "base/byte_buffer.h"

#include <stdlib.h>

#define SLOT_COUNT_MIN 1024

void key_set_release(struct key_set *set)
{
    free(set->slots);
    *set = (struct key_set){0};
}

static bool is_free(struct hash128 hash)
{
    return hash.low == 0 && hash.high == 0;
}

/* The slot of the key, or the free one where it belongs. */
static size_t find(const struct key_set *set, struct hash128 hash)
{
    size_t slot = (size_t)hash.low & (set->slot_count - 1);

    while (!is_free(set->slots[slot]) && !checksum_equal(set->slots[slot], hash))
        slot = (slot + 1) & (set->slot_count - 1);
    return slot;
}

static void grow(struct key_set *set)
{
    struct key_set larger = {
        .slot_count = set->slot_count == 0 ? SLOT_COUNT_MIN : set->slot_count * 2};

    larger.slots = byte_buffer_calloc(larger.slot_count, sizeof(*larger.slots));
    for (size_t i = 0; i < set->slot_count; i++)
        if (!is_free(set->slots[i]))
            larger.slots[find(&larger, set->slots[i])] = set->slots[i];
    larger.count = set->count;
    free(set->slots);
    *set = larger;
}

bool key_set_add(struct key_set *set, struct hash128 hash)
{
    size_t slot;

    if (set->count * 2 >= set->slot_count)
        grow(set);
    slot = find(set, hash);
    if (!is_free(set->slots[slot]))
        return false;
    set->slots[slot] = hash;
    set->count++;
    return true;
}

bool key_set_has(const struct key_set *set, struct hash128 hash)
{
    return set->count > 0 && !is_free(set->slots[find(set, hash)]);
}
