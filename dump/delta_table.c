#include "dump/delta_table.h"

#include <assert.h>
#include <stdlib.h>

void delta_table_release(struct delta_table *delta)
{
    if (delta->old != NULL)
        chain_table_release(delta->old);
    free(delta->old);
    alignment_close(delta->alignment);
    units_release(&delta->units);
    *delta = (struct delta_table){0};
}

/* The same table in the base, if there is one whose rows can be compared. */
static bool find_old(const struct schema *old, const struct schema_table *table, uint32_t *ordinal)
{
    for (uint32_t i = 0; i < old->table_count; i++) {
        if (!schema_text_equal(&old->tables[i].name, &table->name))
            continue;
        *ordinal = i;
        return schema_table_has_rows(&old->tables[i])
               && schema_table_same_columns(&old->tables[i], table);
    }
    return false;
}

bool delta_table_begin(struct delta_table *delta, const struct chain *chain,
    const struct schema *schema, uint32_t table, struct dump_buffer *buffer, struct error *err)
{
    uint32_t ordinal;

    delta->table = table;
    if (!find_old(&chain_last(chain)->schema, &schema->tables[table], &ordinal))
        return true;
    delta->old = byte_buffer_calloc(1, sizeof(*delta->old));
    if (!chain_table_open(delta->old, chain, ordinal, buffer, err))
        return error_wrap(err, "base: table \"%s\"", schema->tables[table].name.bytes);
    if (delta->old->is_loose) {
        /* Its units say nothing about where rows are; the table is sent whole. */
        chain_table_release(delta->old);
        free(delta->old);
        delta->old = NULL;
        return true;
    }
    delta->alignment = alignment_open(chain_table_units(delta->old));
    return true;
}

/* --- groups ------------------------------------------------------------------------- */

static struct chunk chunk_of(const struct row_batch *batch)
{
    return (struct chunk){.cut = batch->cut, .sum = batch->sum, .row_count = batch->row_count};
}

/* Forgets the oldest held batches, which someone else has now. */
static void shift_held(struct delta_table *delta, uint32_t count)
{
    delta->held_count -= count;
    memmove(delta->held, delta->held + count, delta->held_count * sizeof(delta->held[0]));
}

static void drop_held(struct delta_table *delta, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        pipeline_drop(delta->pipeline, delta->held[i]);
    shift_held(delta, count);
}

/* The new rows of a group less its old ones: of their hashes, and of their number. */
static struct hash128 group_sum(
    const struct delta_table *delta, const struct alignment_group *group, uint64_t *row_count)
{
    struct hash128 sum = {0};

    *row_count = 0;
    for (uint32_t i = 0; i < group->chunk_count; i++) {
        sum = checksum_add(sum, delta->held[i]->sum);
        *row_count += delta->held[i]->row_count;
    }
    for (uint32_t i = 0; i < group->source_count; i++) {
        uint64_t rows;

        sum = checksum_subtract(
            sum, units_sum(chain_table_units(delta->old), group->source_first + i, &rows));
        *row_count -= rows;
    }
    return sum;
}

static void append_unit(
    struct delta_table *delta, const struct alignment_group *group, uint32_t block_count)
{
    units_append(&delta->units, group->source_count, block_count);
    for (uint32_t i = 0; i < group->chunk_count; i++) {
        struct chunk chunk = chunk_of(delta->held[i]);

        units_append_chunk(&delta->units, &chunk);
    }
}

/* True for a source of a former delta that has no rows left. */
static bool is_empty(const struct delta_table *delta, const struct alignment_group *group)
{
    return group->chunk_count == 0
           && chain_table_units(delta->old)->units[group->source_first].chunk_count == 0;
}

static bool take_group(
    struct delta_table *delta, const struct alignment_group *group, struct error *err)
{
    struct unit_change change = {.old = delta->old,
        .source_first = group->source_first,
        .source_count = group->source_count,
        .batch_count = group->chunk_count};
    uint64_t row_count;

    if (group->is_same || is_empty(delta, group)) {
        units_append(&delta->units, 1, 0);
        drop_held(delta, group->chunk_count);
        return true;
    }
    change.sum = group_sum(delta, group, &row_count);
    if (row_count == 0 && checksum_equal(change.sum, (struct hash128){0})) {
        /* The same rows, cut elsewhere. */
        append_unit(delta, group, 0);
        drop_held(delta, group->chunk_count);
        return true;
    }
    append_unit(delta, group, 1);
    delta->has_blocks = true;
    memcpy(change.batches, delta->held, group->chunk_count * sizeof(delta->held[0]));
    shift_held(delta, group->chunk_count);
    return pipeline_submit_change(delta->pipeline, delta->table, &change, err);
}

static bool take_groups(struct delta_table *delta, struct error *err)
{
    struct alignment_group group;

    while (alignment_take(delta->alignment, &group))
        if (!take_group(delta, &group, err))
            return false;
    return true;
}

bool delta_table_add(struct delta_table *delta, struct row_batch *batch, struct error *err)
{
    struct chunk chunk = chunk_of(batch);

    if (delta->old == NULL)
        return pipeline_submit(delta->pipeline, delta->table, batch, err);
    assert(delta->held_count < ALIGNMENT_PENDING_MAX);
    delta->held[delta->held_count++] = batch;
    alignment_offer(delta->alignment, &chunk);
    if (!take_groups(delta, err))
        return false;
    /* A large batch cannot wait: there is only one at a time. */
    if (delta->held_count == 0 || !delta->held[delta->held_count - 1]->is_large)
        return true;
    alignment_force(delta->alignment);
    return take_groups(delta, err);
}

/* --- the end of the table -------------------------------------------------------------- */

static enum table_change change_of(const struct delta_table *delta)
{
    if (delta->old == NULL)
        return TABLE_WHOLE;
    return delta->has_blocks ? TABLE_PATCH : TABLE_SAME;
}

bool delta_table_end(struct delta_table *delta, const struct table_end *end, struct error *err)
{
    struct pipeline_end whole = {.end = *end};

    if (delta->old != NULL) {
        alignment_finish(delta->alignment);
        if (!take_groups(delta, err))
            return false;
    }
    assert(delta->held_count == 0);
    whole.end.change = change_of(delta);
    if (whole.end.change == TABLE_PATCH)
        whole.units = &delta->units;
    whole.old = delta->old;
    delta->old = NULL;
    if (pipeline_end_table(delta->pipeline, &whole, err))
        return true;
    delta->old = whole.old;
    return false;
}
