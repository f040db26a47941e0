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

void chain_rows_spare(struct chain_rows *rows, size_t kept_size)
{
    if (rows->buffer.raw.size <= kept_size)
        return;
    byte_buffer_give_back(&rows->buffer.raw, kept_size);
    rows->is_loaded = false;
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
    const struct dump_reader *dump = &rows->chain->dumps[block->dump];

    if (rows->ahead != NULL)
        return block_ahead_take(rows->ahead, dump, block->number, &rows->buffer, err);
    if (rows->is_loaded && rows->loaded.dump == block->dump
        && rows->loaded.number == block->number) {
        rows_block_rewind(&rows->buffer.rows);
        return true;
    }
    rows->is_loaded = false;
    if (!dump_reader_rows(dump, block->number, &rows->buffer, err))
        return false;
    rows->loaded = *block;
    rows->is_loaded = true;
    return true;
}

struct hash128 chain_rows_hash(struct chain_rows *rows, const struct value *values)
{
    if (rows->is_hashed)
        return rows->hash;
    rows->row.size = 0;
    for (uint32_t i = 0; i < rows->column_count; i++)
        value_encode(&rows->row, &values[i]);
    rows->hash = checksum_xxh3(rows->row.data, rows->row.size);
    rows->is_hashed = true;
    return rows->hash;
}

void chain_rows_announce(
    struct block_ahead *ahead, const struct chain_table *table, uint32_t first, uint32_t count)
{
    OWNED(byte_buffer) struct byte_buffer wanted = {0};
    const struct chain_block *blocks;
    size_t block_count;

    chain_table_blocks(table, first, count, &wanted);
    blocks = (const void *)wanted.data;
    block_count = wanted.size / sizeof(*blocks);
    /* First for their removed rows, then for the others. */
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < block_count; i++) {
            const struct dump_reader *dump = &table->chain->dumps[blocks[i].dump];

            if (pass == 1 || dump->index.entries[blocks[i].number].removed_count > 0)
                block_ahead_announce(ahead, dump, blocks[i].number);
        }
}

static bool gather_removed(struct chain_rows *rows, struct error *err)
{
    for (size_t i = 0; i < block_count(rows); i++) {
        if (entry_at(rows, i)->removed_count == 0)
            continue;
        if (!load_block(rows, i, err))
            return false;
        for (uint32_t k = 0; k < rows->buffer.rows.removed_count; k++) {
            rows->row.size = 0;
            rows_block_append(&rows->buffer.rows, &rows->row);
            row_counts_add(&rows->removed, checksum_xxh3(rows->row.data, rows->row.size));
        }
    }
    byte_buffer_give_back(&rows->row, BYTE_BUFFER_KEPT_SIZE);
    return true;
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
    row_counts_clear(&rows->removed);
    chain_table_blocks(table, first, count, &rows->blocks);
    if (!gather_removed(rows, err))
        return false;
    /* As behind the last row of a block: the first one is asked for next. */
    rows->buffer.rows.next_row = rows->buffer.rows.row_count;
    return true;
}

/* Moves to the next block and behind its removed rows. */
static bool next_block(struct chain_rows *rows, struct error *err)
{
    if (!load_block(rows, rows->next_block, err))
        return false;
    rows->next_block++;
    for (uint32_t i = 0; i < rows->buffer.rows.removed_count; i++) {
        rows->row.size = 0;
        rows_block_append(&rows->buffer.rows, &rows->row);
    }
    return true;
}

/* After the last row of the last block: were all removed rows there? */
static bool check_removed(const struct chain_rows *rows, struct error *err)
{
    return rows->removed.total == 0
           || error_set(
               err, ERROR_CORRUPT, "%" PRIu64 " removed rows were not there", rows->removed.total);
}

bool chain_rows_next(struct chain_rows *rows, struct value *values, bool *is_row, struct error *err)
{
    for (;;) {
        while (!rows_block_next(&rows->buffer.rows, values)) {
            if (rows->next_block == block_count(rows)) {
                *is_row = false;
                return check_removed(rows, err);
            }
            if (!next_block(rows, err))
                return false;
        }
        rows->is_hashed = false;
        if (rows->removed.total == 0
            || !row_counts_take(&rows->removed, chain_rows_hash(rows, values))) {
            *is_row = true;
            return true;
        }
    }
}

bool chain_rows_append(
    struct chain_rows *rows, struct byte_buffer *out, bool *is_row, struct error *err)
{
    size_t before = out->size;

    for (;;) {
        while (!rows_block_append(&rows->buffer.rows, out)) {
            if (rows->next_block == block_count(rows)) {
                *is_row = false;
                return check_removed(rows, err);
            }
            if (!next_block(rows, err))
                return false;
        }
        rows->hash = checksum_xxh3(out->data + before, out->size - before);
        if (!row_counts_take(&rows->removed, rows->hash)) {
            *is_row = true;
            return true;
        }
        out->size = before;
    }
}
