#include "dump/unit_diff.h"

#include "base/byte_reader.h"
#include "format/value.h"

#include <stdlib.h>

void unit_diff_release(struct unit_diff *diff)
{
    byte_buffer_release(&diff->rows);
    byte_buffer_release(&diff->added);
    row_counts_release(&diff->counts);
    chain_rows_release(&diff->old);
    free(diff->values);
    *diff = (struct unit_diff){0};
}

static void prepare(struct unit_diff *diff, uint32_t column_count)
{
    if (diff->column_count < column_count) {
        diff->values = byte_buffer_realloc(diff->values, column_count * sizeof(*diff->values));
        diff->column_count = column_count;
    }
    diff->rows.size = 0;
    diff->added.size = 0;
    diff->row_count = 0;
    diff->removed_count = 0;
    row_counts_clear(&diff->counts);
}

/* Counts every old row. */
static bool count_old(
    struct unit_diff *diff, const struct unit_diff_input *input, struct error *err)
{
    bool is_row = true;

    if (!chain_rows_open(&diff->old, input->old, input->source_first, input->source_count, err))
        return false;
    for (;;) {
        if (!chain_rows_next(&diff->old, diff->values, &is_row, err))
            return false;
        if (!is_row)
            return true;
        row_counts_add(&diff->counts, chain_rows_hash(&diff->old, diff->values));
    }
}

/* Takes the new rows from the counts; those that are not there were added. */
static void find_added(
    struct unit_diff *diff, const struct canonical_rows *rows, uint32_t column_count)
{
    struct byte_reader reader = byte_reader_over(rows->bytes, rows->size);

    for (uint32_t row = 0; row < rows->row_count; row++) {
        const uint8_t *start = reader.next;
        struct hash128 hash;
        size_t size;

        for (uint32_t i = 0; i < column_count; i++)
            value_decode(&reader);
        size = (size_t)(reader.next - start);
        hash = checksum_xxh3(start, size);
        if (row_counts_take(&diff->counts, hash))
            continue;
        byte_buffer_put(&diff->added, start, size);
        diff->row_count++;
        diff->last_hash = hash;
    }
}

/* The old rows that are still counted were removed. */
static bool find_removed(
    struct unit_diff *diff, const struct unit_diff_input *input, struct error *err)
{
    bool is_row = true;

    if (diff->counts.total == 0)
        return true;
    if (!chain_rows_open(&diff->old, input->old, input->source_first, input->source_count, err))
        return false;
    while (diff->counts.total > 0) {
        struct hash128 hash;

        if (!chain_rows_next(&diff->old, diff->values, &is_row, err))
            return false;
        if (!is_row)
            return error_set(err, ERROR_CORRUPT, "the base changed while it was read");
        hash = chain_rows_hash(&diff->old, diff->values);
        if (!row_counts_take(&diff->counts, hash))
            continue;
        byte_buffer_put(&diff->rows, diff->old.row.data, diff->old.row.size);
        diff->row_count++;
        diff->removed_count++;
        if (diff->added.size == 0)
            diff->last_hash = hash;
    }
    return true;
}

bool unit_diff_run(struct unit_diff *diff, const struct unit_diff_input *input, struct error *err)
{
    prepare(diff, input->column_count);
    if (input->source_count > 0 && !count_old(diff, input, err))
        return false;
    for (size_t i = 0; i < input->rows_count; i++)
        find_added(diff, &input->rows[i], input->column_count);
    if (!find_removed(diff, input, err))
        return false;
    diff->added_offset = diff->rows.size;
    byte_buffer_put(&diff->rows, diff->added.data, diff->added.size);
    return true;
}
