#include "dump/alignment.h"

#include <stdlib.h>

#define NO_UNIT UINT32_MAX
#define GROUP_QUEUE_MAX 2 /* decided by one chunk besides the runs of removed units */

/* Unit numbers by a key of their last chunk; equal keys are chained in rising order. */
struct key_map {
    uint32_t *heads; /* owned; slot_count of them */
    uint32_t *next;  /* owned; by unit */
    size_t slot_count;
};

struct alignment {
    const struct units *old;
    uint32_t next_old; /* the first unit that is in no group yet */
    struct chunk pending[ALIGNMENT_PENDING_MAX];
    uint32_t pending_count;
    struct key_map by_sum;
    struct key_map by_cut;

    /* Decided, not taken: units up to remove_end are gone, then come the queued groups. */
    uint32_t remove_end;
    struct alignment_group queue[GROUP_QUEUE_MAX];
    uint32_t queue_first;
    uint32_t queue_count;
};

/* --- finding units by their last chunk ------------------------------------------- */

static const struct chunk *last_chunk(const struct units *units, uint32_t unit)
{
    const struct unit *of = &units->units[unit];

    return of->chunk_count == 0 ? NULL : &units->chunks[of->first_chunk + of->chunk_count - 1];
}

static uint64_t key_by_sum(const struct chunk *chunk)
{
    return chunk->sum.low;
}

static uint64_t key_by_cut(const struct chunk *chunk)
{
    return chunk->cut;
}

static void key_map_open(
    struct key_map *map, const struct units *units, uint64_t (*key)(const struct chunk *))
{
    map->slot_count = 16;
    while (map->slot_count < (size_t)units->unit_count * 2)
        map->slot_count *= 2;
    map->heads = byte_buffer_realloc(NULL, map->slot_count * sizeof(*map->heads));
    map->next = byte_buffer_realloc(NULL, units->unit_count * sizeof(*map->next));
    memset(map->heads, 0xff, map->slot_count * sizeof(*map->heads));
    for (uint32_t i = units->unit_count; i-- > 0;) {
        const struct chunk *chunk = last_chunk(units, i);
        uint32_t *head;

        if (chunk == NULL)
            continue;
        head = &map->heads[key(chunk) & (map->slot_count - 1)];
        map->next[i] = *head;
        *head = i;
    }
}

static void key_map_release(struct key_map *map)
{
    free(map->heads);
    free(map->next);
}

struct alignment *alignment_open(const struct units *old)
{
    struct alignment *alignment = byte_buffer_calloc(1, sizeof(*alignment));

    alignment->old = old;
    key_map_open(&alignment->by_sum, old, key_by_sum);
    key_map_open(&alignment->by_cut, old, key_by_cut);
    return alignment;
}

void alignment_close(struct alignment *alignment)
{
    if (alignment == NULL)
        return;
    key_map_release(&alignment->by_sum);
    key_map_release(&alignment->by_cut);
    free(alignment);
}

static bool is_same_chunk(const struct chunk *a, const struct chunk *b)
{
    return a->row_count == b->row_count && checksum_equal(a->sum, b->sum);
}

/* True if the pending chunks end with all chunks of the unit. */
static bool pending_ends_with(const struct alignment *alignment, uint32_t unit)
{
    const struct unit *of = &alignment->old->units[unit];
    const struct chunk *chunks = alignment->old->chunks + of->first_chunk;

    if (of->chunk_count > alignment->pending_count)
        return false;
    for (uint32_t i = 0; i < of->chunk_count; i++)
        if (!is_same_chunk(
                &chunks[i], &alignment->pending[alignment->pending_count - of->chunk_count + i]))
            return false;
    return true;
}

/* Drops units that are grouped already from the front of a chain. */
static uint32_t first_left(
    const struct alignment *alignment, const struct key_map *map, uint64_t key)
{
    uint32_t *head = &map->heads[key & (map->slot_count - 1)];

    while (*head != NO_UNIT && *head < alignment->next_old)
        *head = map->next[*head];
    return *head;
}

/* The next unit that is there unchanged, as the end of the pending chunks. */
static uint32_t find_same(const struct alignment *alignment, const struct chunk *chunk)
{
    uint32_t unit = first_left(alignment, &alignment->by_sum, key_by_sum(chunk));

    while (unit != NO_UNIT && !pending_ends_with(alignment, unit))
        unit = alignment->by_sum.next[unit];
    return unit;
}

/* The next unit whose last row is this chunk's last row. */
static uint32_t find_cut(const struct alignment *alignment, const struct chunk *chunk)
{
    uint32_t unit = first_left(alignment, &alignment->by_cut, key_by_cut(chunk));

    for (; unit != NO_UNIT; unit = alignment->by_cut.next[unit]) {
        const struct chunk *last = last_chunk(alignment->old, unit);

        if (last != NULL && last->cut == chunk->cut)
            break;
    }
    return unit;
}

/* --- deciding -------------------------------------------------------------------------- */

static void queue_group(struct alignment *alignment, struct alignment_group group)
{
    uint32_t at = alignment->queue_first + alignment->queue_count++;

    alignment->queue[at % GROUP_QUEUE_MAX] = group;
    alignment->pending_count -= group.chunk_count;
    memmove(alignment->pending, alignment->pending + group.chunk_count,
        alignment->pending_count * sizeof(alignment->pending[0]));
}

/*
 * The units [next_old, end) became the first chunk_count pending chunks. When
 * there are many, the first ones were removed whole.
 */
static void decide_changed(struct alignment *alignment, uint32_t end, uint32_t chunk_count)
{
    uint32_t source_max = chunk_count == 0 ? 0 : ALIGNMENT_SOURCE_MAX;
    uint32_t source_count = end - alignment->next_old;

    alignment->remove_end = alignment->next_old;
    if (source_count > source_max) {
        alignment->remove_end = end - source_max;
        source_count = source_max;
    }
    if (chunk_count > 0)
        queue_group(alignment, (struct alignment_group){.source_first = alignment->remove_end,
                                   .source_count = source_count,
                                   .chunk_count = chunk_count});
}

void alignment_offer(struct alignment *alignment, const struct chunk *chunk)
{
    uint32_t last_old = alignment->old->unit_count - 1;
    uint32_t unit;

    alignment->pending[alignment->pending_count++] = *chunk;
    unit = find_same(alignment, chunk);
    if (unit != NO_UNIT) {
        uint32_t same_count = alignment->old->units[unit].chunk_count;

        decide_changed(alignment, unit, alignment->pending_count - same_count);
        queue_group(alignment, (struct alignment_group){.source_first = unit,
                                   .source_count = 1,
                                   .chunk_count = same_count,
                                   .is_same = true});
        return;
    }
    unit = find_cut(alignment, chunk);
    if (unit != NO_UNIT)
        decide_changed(alignment, unit + 1, alignment->pending_count);
    else if (alignment->pending_count == ALIGNMENT_PENDING_MAX)
        /* The last unit has grown; anything else that is so long was inserted. */
        decide_changed(alignment,
            alignment->old->unit_count > 0 && alignment->next_old == last_old ? last_old + 1
                                                                              : alignment->next_old,
            1);
}

void alignment_force(struct alignment *alignment)
{
    /* Most likely each chunk is a changed unit. */
    uint32_t left = alignment->old->unit_count - alignment->next_old;
    uint32_t count = left < alignment->pending_count ? left : alignment->pending_count;

    if (alignment->pending_count > 0)
        decide_changed(alignment, alignment->next_old + count, alignment->pending_count);
}

void alignment_finish(struct alignment *alignment)
{
    decide_changed(alignment, alignment->old->unit_count, alignment->pending_count);
}

bool alignment_take(struct alignment *alignment, struct alignment_group *group)
{
    if (alignment->next_old < alignment->remove_end) {
        *group = (struct alignment_group){.source_first = alignment->next_old++, .source_count = 1};
        return true;
    }
    if (alignment->queue_count == 0)
        return false;
    *group = alignment->queue[alignment->queue_first];
    alignment->queue_first = (alignment->queue_first + 1) % GROUP_QUEUE_MAX;
    alignment->queue_count--;
    alignment->next_old = group->source_first + group->source_count;
    return true;
}
