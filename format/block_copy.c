#include "format/block_copy.h"

#include "format/checksum.h"
#include "format/movable_frame.h"

#define NUMBER_OFFSET 4 /* in a raw block (SPEC 3.2) */
#define TABLE_OFFSET 8  /* in that of rows (SPEC 5.2) */

static bool check_rows(const struct block_copy_order *order, const struct rows_total *total,
    const struct index_entry *entry, struct error *err)
{
    if (checksum_equal(total->sum, entry->sum) && total->cut == entry->cut)
        return true;
    return error_set(err, ERROR_CORRUPT,
        "%s: block %zu (table \"%s\"): its rows are not those that the index says",
        order->dump->file.path, order->number, order->dump->schema.tables[entry->table].name.bytes);
}

bool block_copy_load(struct block_copy_order *order, struct dump_buffer *buffer,
    struct rows_total *total, struct error *err)
{
    order->is_movable = false;
    if (order->is_recompressed ? !dump_reader_rows(order->dump, order->number, buffer, err)
                               : !dump_reader_movable_rows(
                                   order->dump, order->number, buffer, &order->is_movable, err))
        return false;
    rows_total_add_up(total, &buffer->rows);
    return check_rows(order, total, &order->dump->index.entries[order->number], err);
}

void block_copy_place(const struct block_copy_order *order, uint32_t number,
    struct dump_buffer *buffer, struct index_entry *entry)
{
    struct byte_buffer *raw = &buffer->raw;

    byte_buffer_store_u32(raw->data + NUMBER_OFFSET, number);
    byte_buffer_store_u32(raw->data + TABLE_OFFSET, order->new_table);
    *entry = order->dump->index.entries[order->number];
    entry->table = order->new_table;
    entry->checksum = checksum_xxh3(raw->data, raw->size);
    if (order->is_movable)
        movable_frame_join(&buffer->frame, raw->data, raw->size, MOVABLE_FRAME_HEAD_SIZE);
    else
        block_compress(&buffer->codec, &buffer->frame, raw, order->level);
}
