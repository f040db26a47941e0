#include "format/unit_merge.h"

#include "format/rows_block.h"
#include "format/rows_encoder.h"

void unit_merge_release(struct unit_merge *merge)
{
    byte_buffer_release(&merge->bytes);
    byte_buffer_release(&merge->held);
    byte_buffer_release(&merge->spilled);
    chain_rows_release(&merge->rows);
    *merge = (struct unit_merge){0};
}

void unit_merge_trim(struct unit_merge *merge, size_t kept_size)
{
    struct byte_buffer *const buffers[] = {
        &merge->bytes, &merge->held, &merge->spilled, &merge->rows.buffer.frame};

    for (size_t i = 0; i < sizeof(buffers) / sizeof(buffers[0]); i++)
        byte_buffer_give_back(buffers[i], kept_size);
    chain_rows_spare(&merge->rows, kept_size);
}

bool unit_merge_open(
    struct unit_merge *merge, const struct chain_table *table, uint32_t unit, struct error *err)
{
    const struct units *units = chain_table_units(table);

    merge->chunk = &units->chunks[units->units[unit].first_chunk];
    merge->is_held = false;
    merge->held.size = 0;
    merge->spilled.size = 0;
    return chain_rows_open(&merge->rows, table, unit, 1, err);
}

static bool is_full(const struct unit_merge *merge)
{
    return merge->bytes.size >= CHUNK_SIZE_MAX || merge->row_count == ROWS_COUNT_MAX;
}

static void count(struct unit_merge *merge, struct hash128 hash)
{
    merge->row_count++;
    merge->sum = checksum_add(merge->sum, hash);
    merge->cut = hash.low;
}

/* Moves the row in `bytes` that begins at `before` elsewhere. */
static void move_row(struct unit_merge *merge, size_t before, struct byte_buffer *to)
{
    byte_buffer_put(to, merge->bytes.data + before, merge->bytes.size - before);
    merge->bytes.size = before;
}

/* The run ends with the row that was held, if there is room for it. */
static bool finish(struct unit_merge *merge)
{
    if (!merge->is_held)
        return true;
    if (is_full(merge)
        || (merge->bytes.size > 0 && merge->held.size > ROW_SIZE_MAX - merge->bytes.size))
        return false;
    byte_buffer_put(&merge->bytes, merge->held.data, merge->held.size);
    count(merge, merge->held_hash);
    byte_buffer_give_back(&merge->held, BYTE_BUFFER_KEPT_SIZE);
    merge->is_held = false;
    return true;
}

/* Takes up the row in `bytes` that begins at `before`; false if it does not fit into the run. */
static bool take(struct unit_merge *merge, size_t before)
{
    /* There is one such row at most: held.size stays. */
    if (merge->held.size == 0 && merge->rows.hash.low == merge->chunk->cut) {
        merge->held_hash = merge->rows.hash;
        merge->is_held = true;
        move_row(merge, before, &merge->held);
    } else if (before > 0 && merge->bytes.size > ROW_SIZE_MAX) {
        merge->spilled_hash = merge->rows.hash;
        move_row(merge, before, &merge->spilled);
        return false;
    } else {
        count(merge, merge->rows.hash);
    }
    return true;
}

bool unit_merge_next(struct unit_merge *merge, bool *is_last, struct error *err)
{
    merge->bytes.size = 0;
    merge->row_count = 0;
    merge->sum = (struct hash128){0};
    *is_last = false;
    if (merge->spilled.size > 0) {
        byte_buffer_put(&merge->bytes, merge->spilled.data, merge->spilled.size);
        merge->spilled.size = 0;
        count(merge, merge->spilled_hash);
    }
    while (!is_full(merge)) {
        size_t before = merge->bytes.size;
        bool is_row;

        if (!chain_rows_append(&merge->rows, &merge->bytes, &is_row, err))
            return false;
        if (!is_row)
            *is_last = finish(merge);
        if (!is_row || !take(merge, before))
            break;
    }
    return true;
}
