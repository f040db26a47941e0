#include "format/rows_writer.h"

#include "base/owned.h"
#include "format/rows_slot.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define IDLE_SLOT_COUNT 1
#define LARGE_SIZE (2 * CHUNK_SIZE_MAX) /* bytes of a block, or of those that it is made of */

struct rows_writer {
    struct dump_writer *writer;  /* borrowed */
    const struct schema *schema; /* borrowed */
    struct rows_maker_pool pool;
    struct rows_slot *slots;
    size_t slot_count;
    size_t fill; /* the slot being filled */
    int level;
    bool is_recompressed;

    /* What is being given. */
    uint32_t next_number; /* of the next block, as far as is known */
    uint32_t table;
    uint32_t block_count; /* of the table, submitted */
    uint64_t removed_cut; /* low halves of the hashes of the last rows that were added */
    uint64_t added_cut;

    /* The table that is being written: it may be one before. */
    uint32_t open_table;
    struct column_facts *facts;
    uint64_t size; /* canonical bytes of its added rows, of the blocks appended */
    struct rows_written written;
    struct rows_maker
        maker; /* for units that turn out to be several blocks, and what follows them */
};

/* --- open and close ------------------------------------------------------------------------ */

void rows_writer_close(struct rows_writer *rows)
{
    if (rows == NULL)
        return;
    for (size_t i = 0; i < rows->slot_count; i++)
        rows_slot_release(&rows->slots[i]);
    free(rows->slots);
    rows_maker_pool_release(&rows->pool);
    rows_maker_release(&rows->maker);
    free(rows->facts);
    free(rows);
}

bool rows_writer_open(
    struct rows_writer **out, const struct rows_writer_options *options, struct error *err)
{
    struct rows_writer *rows = byte_buffer_calloc(1, sizeof(*rows));

    assert(options->thread_count > 0 && options->thread_count <= ROWS_WRITER_THREAD_COUNT_MAX);
    rows->writer = options->writer;
    rows->schema = options->schema;
    rows->level = options->level;
    rows->is_recompressed = options->is_recompressed;
    rows->open_table = INDEX_NO_TABLE;
    rows->next_number = 1; /* the schema is 0 */
    rows_maker_pool_open(&rows->pool, options->thread_count);
    /* Some are being filled, or wait for those before them, while the others are at work. */
    rows->slot_count = options->thread_count + IDLE_SLOT_COUNT;
    rows->slots = byte_buffer_calloc(rows->slot_count, sizeof(*rows->slots));
    for (size_t i = 0; i < rows->slot_count; i++)
        if (!rows_slot_start(&rows->slots[i], &rows->pool, err)) {
            rows_writer_close(rows);
            return false;
        }
    *out = rows;
    return true;
}

/* --- what was made ----------------------------------------------------------------------- */

/* Begins with the slot's table, if it is another one. */
static void open_table(struct rows_writer *rows, const struct rows_slot *slot)
{
    uint32_t column_count = slot->table->column_count;

    if (rows->open_table == slot->ordinal)
        return;
    rows->open_table = slot->ordinal;
    rows->size = 0;
    rows->written = (struct rows_written){0};
    rows->facts = byte_buffer_realloc(rows->facts, column_count * sizeof(*rows->facts));
    memset(rows->facts, 0, column_count * sizeof(*rows->facts));
}

static bool append(struct rows_writer *rows, struct rows_slot *slot, struct error *err)
{
    const struct index_entry *entry = &slot->entry;
    uint32_t number = dump_writer_block_count(rows->writer);

    if (entry->row_count == 0)
        return true;
    if (slot->number != number)
        rows_slot_move(slot, &rows->maker, number);
    rows->size += slot->size;
    for (uint32_t i = 0; i < slot->table->column_count; i++)
        table_end_merge(&rows->facts[i], &slot->facts[i]);
    rows->written.sum = checksum_add(rows->written.sum, entry->sum);
    rows->written.row_count += entry->row_count - 2 * (uint64_t)entry->removed_count;
    return dump_writer_append(rows->writer, entry, &slot->added, err);
}

/* A unit of several blocks. Those after it get other numbers than they were made with. */
static bool append_large(struct rows_writer *rows, struct rows_slot *slot, struct error *err)
{
    OWNED(unit_merge) struct unit_merge merge = {0};
    bool is_last = false;

    if (!unit_merge_open(&merge, slot->merged, slot->unit, err))
        return error_wrap(err, "table \"%s\"", slot->table->name.bytes);
    while (!is_last) {
        if (!unit_merge_next(&merge, &is_last, err))
            return error_wrap(err, "table \"%s\"", slot->table->name.bytes);
        slot->number = dump_writer_block_count(rows->writer);
        if (!rows_slot_make_run(slot, &merge, &rows->maker, err) || !append(rows, slot, err))
            return false;
    }
    return true;
}

static bool append_end(struct rows_writer *rows, struct rows_slot *slot, struct error *err)
{
    struct table_end *end = &slot->end;

    end->table = slot->ordinal;
    end->column_count = slot->table->column_count;
    end->facts = rows->facts;
    end->size = rows->size;
    rows->written.is_whole = true;
    if (slot->written != NULL)
        *slot->written = rows->written;
    return (slot->units.size == 0
               || dump_writer_block(rows->writer, BLOCK_UNITS, slot->ordinal, &slot->units, err))
           && dump_writer_table_end(rows->writer, end, err);
}

static bool append_merged(struct rows_writer *rows, struct rows_slot *slot, struct error *err)
{
    uint32_t before = dump_writer_block_count(rows->writer);

    if (slot->is_too_large ? !append_large(rows, slot, err) : !append(rows, slot, err))
        return false;
    rows->next_number += dump_writer_block_count(rows->writer) - before - 1;
    return true;
}

/* Writes what a slot holds when it is done, and frees it. */
static bool collect(struct rows_writer *rows, struct rows_slot *slot, struct error *err)
{
    if (!rows_slot_await(slot))
        return true;
    if (slot->has_failed) {
        *err = slot->failure;
        return false;
    }
    open_table(rows, slot);
    if (slot->kind == ROWS_SLOT_END     ? !append_end(rows, slot, err)
        : slot->kind == ROWS_SLOT_MERGE ? !append_merged(rows, slot, err)
                                        : !append(rows, slot, err))
        return false;
    rows_slot_empty(slot);
    return true;
}

/* --- what is to be made ------------------------------------------------------------------ */

static struct rows_slot *current(const struct rows_writer *rows)
{
    return &rows->slots[rows->fill];
}

void rows_writer_begin(struct rows_writer *rows, uint32_t table)
{
    assert(current(rows)->entry.row_count == 0);
    rows->table = table;
    rows->block_count = 0;
}

size_t rows_writer_size(const struct rows_writer *rows)
{
    return current(rows)->removed.size + current(rows)->added.size;
}

uint32_t rows_writer_block_count(const struct rows_writer *rows)
{
    return rows->block_count + (current(rows)->entry.row_count > 0 ? 1 : 0);
}

/*
 * To be called before the current slot becomes large: waits until no other one is, and writes all
 * that is on its way before that one.
 */
static bool allow_large(struct rows_writer *rows, struct error *err)
{
    size_t last = 0;

    if (current(rows)->is_large)
        return true;
    for (size_t i = 1; i < rows->slot_count; i++)
        if (rows->slots[(rows->fill + i) % rows->slot_count].is_large)
            last = i;
    for (size_t i = 1; i <= last; i++)
        if (!collect(rows, &rows->slots[(rows->fill + i) % rows->slot_count], err))
            return false;
    current(rows)->is_large = true;
    return true;
}

/* Hands the current slot on. */
static bool submit(struct rows_writer *rows, enum rows_slot_kind kind, struct error *err)
{
    struct rows_slot *slot = current(rows);

    slot->kind = kind;
    slot->ordinal = rows->table;
    slot->table = &rows->schema->tables[rows->table];
    slot->level = rows->level;
    if (kind != ROWS_SLOT_END) {
        slot->number = rows->next_number++;
        rows->block_count++;
    }
    rows_slot_submit(slot);
    /* The next slot holds the oldest block on its way. */
    rows->fill = (rows->fill + 1) % rows->slot_count;
    return collect(rows, current(rows), err);
}

bool rows_writer_cut(struct rows_writer *rows, struct error *err)
{
    struct rows_slot *slot = current(rows);

    if (slot->entry.row_count == 0)
        return true;
    slot->entry.table = rows->table;
    slot->entry.cut = slot->added.size > 0 ? rows->added_cut : rows->removed_cut;
    return submit(rows, ROWS_SLOT_ROWS, err);
}

bool rows_writer_expect(struct rows_writer *rows, uint64_t size, struct error *err)
{
    return rows_writer_cut(rows, err) && (size <= LARGE_SIZE || allow_large(rows, err));
}

bool rows_writer_copy(
    struct rows_writer *rows, const struct dump_reader *dump, size_t number, struct error *err)
{
    if (!rows_writer_expect(rows, dump->index.entries[number].raw_size, err))
        return false;
    current(rows)->copy = (struct block_copy_order){.dump = dump,
        .number = number,
        .new_table = rows->table,
        .level = rows->level,
        .is_recompressed = rows->is_recompressed};
    return submit(rows, ROWS_SLOT_COPY, err);
}

bool rows_writer_merge(
    struct rows_writer *rows, const struct chain_table *table, uint32_t unit, struct error *err)
{
    if (!rows_writer_cut(rows, err))
        return false;
    current(rows)->merged = table;
    current(rows)->unit = unit;
    return submit(rows, ROWS_SLOT_MERGE, err);
}

bool rows_writer_add(struct rows_writer *rows, const struct rows_writer_row *row, struct error *err)
{
    struct rows_slot *slot = current(rows);

    if (rows_writer_size(rows) > 0 && row->size > CHUNK_SIZE_MAX) {
        if (!rows_writer_cut(rows, err))
            return false;
        slot = current(rows);
    }
    if (row->size > LARGE_SIZE && !allow_large(rows, err))
        return false;
    slot->entry.row_count++;
    if (row->is_removed) {
        slot->entry.removed_count++;
        slot->entry.sum = checksum_subtract(slot->entry.sum, row->hash);
        rows->removed_cut = row->hash.low;
        byte_buffer_put(&slot->removed, row->bytes, row->size);
    } else {
        slot->entry.sum = checksum_add(slot->entry.sum, row->hash);
        rows->added_cut = row->hash.low;
        byte_buffer_put(&slot->added, row->bytes, row->size);
    }
    if (rows_writer_size(rows) >= CHUNK_SIZE_MAX || slot->entry.row_count == ROWS_COUNT_MAX)
        return rows_writer_cut(rows, err);
    return true;
}

bool rows_writer_end(struct rows_writer *rows, const struct table_end *end,
    const struct byte_buffer *units, struct rows_written *written, struct error *err)
{
    struct rows_slot *slot;

    if (!rows_writer_cut(rows, err))
        return false;
    slot = current(rows);
    slot->end = *end;
    slot->written = written;
    if (units != NULL)
        byte_buffer_put(&slot->units, units->data, units->size);
    rows->next_number += units != NULL ? 2 : 1;
    return submit(rows, ROWS_SLOT_END, err);
}

bool rows_writer_finish(struct rows_writer *rows, struct error *err)
{
    /* The current slot is free; the one behind it is the oldest. */
    for (size_t i = 1; i < rows->slot_count; i++)
        if (!collect(rows, &rows->slots[(rows->fill + i) % rows->slot_count], err))
            return false;
    return true;
}
