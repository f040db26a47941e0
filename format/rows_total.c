#include "format/rows_total.h"

#include <stdlib.h>

void rows_total_release(struct rows_total *total)
{
    byte_buffer_release(&total->row);
    free(total->values);
    free(total->facts);
    *total = (struct rows_total){0};
}

static void begin(struct rows_total *total, uint32_t column_count)
{
    if (column_count > total->column_max) {
        total->values = byte_buffer_realloc(total->values, column_count * sizeof(*total->values));
        total->facts = byte_buffer_realloc(total->facts, column_count * sizeof(*total->facts));
        total->column_max = column_count;
    }
    if (column_count > 0)
        memset(total->facts, 0, column_count * sizeof(*total->facts));
    total->sum = (struct hash128){0};
    total->cut = 0;
    total->size = 0;
}

void rows_total_add_up(struct rows_total *total, struct rows_block *rows)
{
    uint32_t row = 0;

    begin(total, rows->column_count);
    while (rows_block_next(rows, total->values)) {
        bool is_removed = row++ < rows->removed_count;
        struct hash128 hash;

        total->row.size = 0;
        for (uint32_t i = 0; i < rows->column_count; i++) {
            value_encode(&total->row, &total->values[i]);
            if (!is_removed)
                table_end_observe(&total->facts[i], &total->values[i]);
        }
        hash = checksum_xxh3(total->row.data, total->row.size);
        total->sum =
            is_removed ? checksum_subtract(total->sum, hash) : checksum_add(total->sum, hash);
        total->size += is_removed ? 0 : total->row.size;
        total->cut = hash.low;
    }
    byte_buffer_give_back(&total->row, BYTE_BUFFER_KEPT_SIZE);
}
