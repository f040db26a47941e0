#include "format/chain_rows.h"

#include "base/owned.h"

#include <inttypes.h>
#include <stdlib.h>

void chain_rows_release(struct chain_rows *rows)
{
    byte_buffer_release(&rows->blocks);
    row_counts_release(&rows->removed);
    dump_buffer_release(&rows->buffer);
    byte_buffer_release(&rows->row);
    *rows = (struct chain_rows){0};
}

static const struct chain_block *block_at(const struct chain_rows *rows, size_t i)
{
    return (const struct chain_block *)(const void *)rows->blocks.data + i;
}

static size_t block_count(const struct chain_rows *rows)
{
    return rows->blocks.size / sizeof(struct chain_block);
}

static const struct index_entry *entry_at(const struct chain_rows *rows, size_t i)
{
    const struct chain_block *block = block_at(rows, i);

    return &rows->chain->dumps[block->dump].index.entries[block->number];
}

static bool load_block(struct chain_rows *rows, size_t i, struct error *err)
{
    const struct chain_block *block = block_at(rows, i);

    return dump_reader_rows(&rows->chain->dumps[block->dump], block->number, &rows->buffer, err);
}

/* Puts the row into rows->row and returns its hash. */
static struct hash128 canonical(struct chain_rows *rows, const struct value *values)
{
    rows->row.size = 0;
    for (uint32_t i = 0; i < rows->column_count; i++)
        value_encode(&rows->row, &values[i]);
    return checksum_xxh3(rows->row.data, rows->row.size);
}

static bool gather_removed(struct chain_rows *rows, struct error *err)
{
    struct value *values = byte_buffer_calloc(rows->column_count, sizeof(*values));
    bool done = true;

    for (size_t i = 0; done && i < block_count(rows); i++) {
        if (entry_at(rows, i)->removed_count == 0)
            continue;
        done = load_block(rows, i, err);
        for (uint32_t k = 0; done && k < rows->buffer.rows.removed_count; k++) {
            rows_block_next(&rows->buffer.rows, values);
            row_counts_add(&rows->removed, canonical(rows, values));
        }
    }
    free(values);
    return done;
}

bool chain_rows_open(struct chain_rows *rows, const struct chain_table *table, uint32_t first,
    uint32_t count, struct error *err)
{
    const struct dump_reader *last = chain_last(table->chain);
    uint32_t ordinal = table->ordinals[table->link_count - 1];

    rows->chain = table->chain;
    rows->column_count = last->schema.tables[ordinal].column_count;
    rows->blocks.size = 0;
    rows->next_block = 0;
    rows->buffer.rows.row_count = 0;
    rows->buffer.rows.next_row = 0;
    row_counts_clear(&rows->removed);
    chain_table_blocks(table, first, count, &rows->blocks);
    if (!gather_removed(rows, err))
        return false;
    rows->buffer.rows.row_count = 0;
    rows->buffer.rows.next_row = 0;
    return true;
}

/* Moves to the next block and behind its removed rows. */
static bool next_block(struct chain_rows *rows, struct value *values, struct error *err)
{
    if (!load_block(rows, rows->next_block, err))
        return false;
    rows->next_block++;
    for (uint32_t i = 0; i < rows->buffer.rows.removed_count; i++)
        rows_block_next(&rows->buffer.rows, values);
    return true;
}

bool chain_rows_next(struct chain_rows *rows, struct value *values, bool *is_row, struct error *err)
{
    for (;;) {
        while (!rows_block_next(&rows->buffer.rows, values)) {
            if (rows->next_block == block_count(rows)) {
                *is_row = false;
                if (rows->removed.total != 0)
                    return error_set(err, ERROR_CORRUPT, "%" PRIu64 " removed rows were not there",
                        rows->removed.total);
                return true;
            }
            if (!next_block(rows, values, err))
                return false;
        }
        rows->hash = canonical(rows, values);
        if (!row_counts_take(&rows->removed, rows->hash)) {
            *is_row = true;
            return true;
        }
    }
}
