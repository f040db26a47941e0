#include "dump/block_maker.h"

#include "format/rows_block.h"

#include <assert.h>
#include <inttypes.h>

/* Leaves schema and level. */
static void forget(struct block_maker *maker)
{
    rows_encoder_close(maker->encoder);
    maker->encoder = NULL;
    block_codec_release(&maker->codec);
    byte_buffer_release(&maker->raw);
    unit_diff_release(&maker->diff);
}

void block_maker_release(struct block_maker *maker)
{
    forget(maker);
    *maker = (struct block_maker){0};
}

/* What differs between the batches and the units of the base. */
static bool find_difference(struct block_maker *maker, const struct unit_change *change,
    struct rows_input *input, struct error *err)
{
    struct canonical_rows rows[ALIGNMENT_PENDING_MAX];
    struct unit_diff_input wanted = {
        .old = change->old,
        .source_first = change->source_first,
        .source_count = change->source_count,
        .rows = rows,
        .rows_count = change->batch_count,
        .column_count = input->column_count,
    };

    for (uint32_t i = 0; i < change->batch_count; i++)
        rows[i] = (struct canonical_rows){.bytes = change->batches[i]->rows.data,
            .size = change->batches[i]->rows.size,
            .row_count = change->batches[i]->row_count,
            .cut = change->batches[i]->cut};
    if (!unit_diff_run(&maker->diff, &wanted, err))
        return false;
    input->bytes = maker->diff.rows.data;
    input->size = maker->diff.rows.size;
    input->row_count = maker->diff.row_count;
    input->removed_count = maker->diff.removed_count;
    return true;
}

/* The rows of the block, the size of those that are not removed, and the hash of the last one. */
static bool find_rows(struct block_maker *maker, const struct block_order *order,
    struct rows_input *input, struct made_block *block, struct error *err)
{
    const struct row_batch *only = order->change.batches[0];

    if (order->is_change) {
        if (!find_difference(maker, &order->change, input, err))
            return false;
        block->entry.cut = maker->diff.cut;
        block->size = input->size - maker->diff.added_offset;
        return true;
    }
    input->bytes = only->rows.data;
    input->size = only->rows.size;
    input->row_count = only->row_count;
    block->entry.cut = only->cut;
    block->size = input->size;
    return true;
}

/* Encodes the rows, and hashes those that nobody hashed. */
static bool encode(struct block_maker *maker, const struct block_order *order,
    struct rows_input *input, struct made_block *block, struct error *err)
{
    struct rows_hashes hashes = {
        .size = order->is_change ? 0 : order->change.batches[0]->unhashed_size};

    input->hashes = &hashes;
    if (input->row_count <= ROWS_COUNT_MAX && input->row_count > 0) {
        if (maker->encoder == NULL)
            maker->encoder = rows_encoder_open();
        block_begin(&maker->raw, BLOCK_ROWS, order->number);
        rows_encoder_encode(maker->encoder, &maker->raw, input);
        block->entry.sum = checksum_add(order->change.sum, hashes.sum);
        if (hashes.size == input->size)
            block->entry.cut = hashes.cut;
        if (maker->raw.size <= BLOCK_SIZE_MAX)
            return true;
    }
    return error_set(err, ERROR_UNSUPPORTED,
        "%" PRIu32 " rows of %zu bytes do not fit one block of a dump", input->row_count,
        input->size);
}

static void spare(struct byte_buffer *bytes, size_t kept_size)
{
    if (bytes->size > kept_size)
        byte_buffer_give_back(bytes, kept_size);
}

bool block_maker_make(struct block_maker *maker, const struct block_order *order,
    struct made_block *block, struct error *err)
{
    const struct schema_table *table = &maker->schema->tables[order->table];
    struct rows_input input = {
        .table = order->table, .column_count = table->column_count, .facts = block->facts};

    block->entry = (struct index_entry){.type = BLOCK_ROWS, .table = order->table};
    memset(block->facts, 0, table->column_count * sizeof(*block->facts));
    if (!find_rows(maker, order, &input, block, err) || !encode(maker, order, &input, block, err))
        return error_wrap(err, "table \"%s\"", table->name.bytes);
    block->entry.raw_size = (uint32_t)maker->raw.size;
    block->entry.row_count = input.row_count;
    block->entry.removed_count = input.removed_count;
    block->entry.checksum = checksum_xxh3(maker->raw.data, maker->raw.size);
    for (uint32_t i = 0; order->is_large && i < order->change.batch_count; i++)
        byte_buffer_release(&order->change.batches[i]->rows);
    /* The rows of a lone batch are not needed any more: the frame takes their place. */
    block->frame = order->is_change ? &block->change_frame : &order->change.batches[0]->rows;
    block_compress(&maker->codec, block->frame, &maker->raw, maker->level);
    if (order->is_large)
        forget(maker);
    spare(&maker->raw, maker->kept_size);
    spare(&maker->diff.rows, maker->kept_size);
    spare(&maker->diff.old_bytes, maker->kept_size);
    chain_rows_spare(&maker->diff.old, maker->kept_size);
    return true;
}
