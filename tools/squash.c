#include "tools/squash.h"

#include "base/owned.h"
#include "base/stop.h"
#include "format/chain_rows.h"
#include "format/rows_writer.h"
#include "format/state.h"
#include "tools/delta_merge.h"
#include "watch/progress_task.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A table, from the time it is begun until all of it has been written. */
struct table_work {
    struct chain_table *table;   /* owned; NULL when it is not needed any more */
    struct rows_written written; /* what its blocks add up to, */
    struct rows_written wanted;  /* and ought to */
};

struct squash {
    const struct chain *chain;
    struct dump_writer *writer;
    struct rows_writer *out;
    struct progress *progress;
    uint32_t *numbers;        /* owned; of the tables in the progress, by ordinal */
    struct table_end *ends;   /* as they are to be, by ordinal */
    struct table_work *works; /* owned, by ordinal */
    uint32_t checked_count;   /* tables before are written and right */

    /* Of the table at work. */
    struct progress_task task;
    struct progress_count told;      /* not yet added to the task */
    const struct chain_table *table; /* borrowed */
    struct delta_merge merge;
    struct dump_buffer buffer;
    struct byte_buffer row;    /* canonical form of a row */
    struct byte_buffer blocks; /* struct chain_block */
    struct row_counts added;   /* rows that a unit's deltas add and do not take away again */
};

static void table_work_release(struct table_work *work)
{
    if (work->table != NULL)
        chain_table_release(work->table);
    free(work->table);
    work->table = NULL;
}

static void squash_release(struct squash *squash)
{
    progress_task_release(&squash->task);
    rows_writer_close(squash->out);
    dump_writer_close(squash->writer);
    for (uint32_t i = 0; squash->works != NULL && i < chain_last(squash->chain)->schema.table_count;
         i++)
        table_work_release(&squash->works[i]);
    free(squash->works);
    free(squash->ends);
    free(squash->numbers);
    delta_merge_release(&squash->merge);
    dump_buffer_release(&squash->buffer);
    byte_buffer_release(&squash->row);
    byte_buffer_release(&squash->blocks);
    row_counts_release(&squash->added);
}

static bool put_row(struct squash *squash, const struct rows_writer_row *row, struct error *err)
{
    squash->told.rows++;
    squash->told.bytes += row->size;
    return rows_writer_add(squash->out, row, err);
}

static void tell_rows(struct squash *squash)
{
    progress_task_add(&squash->task, &squash->told);
    squash->told = (struct progress_count){0};
}

/* Puts a block of the chain into the result as it is. */
static bool copy_block(struct squash *squash, const struct chain_block *block, struct error *err)
{
    const struct dump_reader *dump = &squash->chain->dumps[block->dump];
    const struct index_entry *entry = &dump->index.entries[block->number];

    squash->told.rows += entry->row_count;
    squash->told.bytes += entry->raw_size;
    return rows_writer_copy(squash->out, dump, block->number, err);
}

/* How many rows deltas have cannot be told without reading them; tables are counted then. */
static void plan_progress(struct squash *squash)
{
    const struct dump_reader *last = chain_last(squash->chain);

    squash->numbers = byte_buffer_calloc(last->schema.table_count, sizeof(*squash->numbers));
    for (uint32_t i = 0; i < last->schema.table_count; i++) {
        struct progress_count count = {.items = 1};

        if (!schema_table_has_rows(&last->schema.tables[i]))
            continue;
        if (chain_is_full(squash->chain))
            count.rows = last->ends[i].row_count;
        squash->numbers[i] = progress_table(squash->progress, last->schema.tables[i].name.bytes);
        progress_plan(squash->progress, PROGRESS_MERGE, squash->numbers[i], &count);
    }
    progress_begin(squash->progress, PROGRESS_MERGE);
}

/* --- whole tables -------------------------------------------------------------------- */

static uint32_t ordinal_of(const struct squash *squash)
{
    return squash->table->ordinals[squash->table->link_count - 1];
}

/* What failed may also be the writing of a table before; so each failure of reading names its own.
 */
static bool name_table(const struct squash *squash, struct error *err)
{
    return error_wrap(err, "table \"%s\"",
        chain_last(squash->chain)->schema.tables[ordinal_of(squash)].name.bytes);
}

/* The one chunk of a unit that has no more, and is to become one block. */
static const struct chunk *only_chunk(const struct squash *squash, uint32_t number)
{
    const struct units *units = chain_table_units(squash->table);
    const struct unit *unit = &units->units[number];

    return unit->chunk_count == 1 && !squash->table->is_loose ? &units->chunks[unit->first_chunk]
                                                              : NULL;
}

/* The block that holds just the rows of a unit of one chunk; NULL if there is none. */
static const struct chain_block *find_same_block(
    struct squash *squash, uint32_t number, const struct chunk *chunk)
{
    const struct chain_block *block;
    const struct index_entry *entry;

    squash->blocks.size = 0;
    chain_table_blocks(squash->table, number, 1, &squash->blocks);
    if (squash->blocks.size != sizeof(*block))
        return NULL;
    block = (const void *)squash->blocks.data;
    entry = &squash->chain->dumps[block->dump].index.entries[block->number];
    return entry->removed_count == 0 && entry->row_count == chunk->row_count
                   && entry->cut == chunk->cut && checksum_equal(entry->sum, chunk->sum)
               ? block
               : NULL;
}

/* The rows of a unit that is to be cut as a scan would cut it. */
static bool put_rows(struct squash *squash, uint32_t number, struct error *err)
{
    OWNED(chain_rows) struct chain_rows rows = {0};

    if (!chain_rows_open(&rows, squash->table, number, 1, err))
        return name_table(squash, err);
    for (;;) {
        struct rows_writer_row row;
        bool is_row;

        squash->row.size = 0;
        if (!chain_rows_append(&rows, &squash->row, &is_row, err))
            return name_table(squash, err);
        if (!is_row)
            return rows_writer_cut(squash->out, err);
        row = (struct rows_writer_row){squash->row.data, squash->row.size, rows.hash, false};
        if (!put_row(squash, &row, err)
            || (rows_encoder_block_ends(row.hash, row.size, rows_writer_size(squash->out))
                && !rows_writer_cut(squash->out, err)))
            return false;
    }
}

/* Bytes of all blocks at hand, when they are read. */
static uint64_t blocks_size(const struct squash *squash)
{
    const struct chain_block *blocks = (const void *)squash->blocks.data;
    uint64_t size = 0;

    for (size_t i = 0; i < squash->blocks.size / sizeof(*blocks); i++)
        size += squash->chain->dumps[blocks[i].dump].index.entries[blocks[i].number].raw_size;
    return size;
}

/* The unit's blocks count as they are: the rows are not known before a thread has read them. */
static bool merge_unit(
    struct squash *squash, uint32_t number, const struct chunk *chunk, struct error *err)
{
    uint64_t size = blocks_size(squash);

    squash->told.rows += chunk->row_count;
    squash->told.bytes += size;
    return rows_writer_expect(squash->out, size, err)
           && rows_writer_merge(squash->out, squash->table, number, err);
}

static bool put_unit(struct squash *squash, uint32_t number, struct error *err)
{
    const struct chunk *only = only_chunk(squash, number);
    const struct chain_block *same;

    if (only == NULL)
        return put_rows(squash, number, err);
    same = find_same_block(squash, number, only);
    return same != NULL ? copy_block(squash, same, err) : merge_unit(squash, number, only, err);
}

static bool put_whole(struct squash *squash, struct table_work *work, struct error *err)
{
    struct table_end *end = &squash->ends[ordinal_of(squash)];
    uint32_t unit_count = chain_table_units(squash->table)->unit_count;

    for (uint32_t i = 0; i < unit_count; i++) {
        if (!stop_check(err) || !put_unit(squash, i, err))
            return false;
        tell_rows(squash);
    }
    end->change = TABLE_WHOLE;
    work->wanted = (struct rows_written){.sum = end->sum, .row_count = end->row_count};
    return rows_writer_end(squash->out, end, NULL, &work->written, err);
}

/* --- patched tables ---------------------------------------------------------------------- */

/* One walk over the rows of a unit's blocks. */
enum pass {
    PASS_COUNT,   /* count the added ones */
    PASS_REMOVED, /* write removed ones, less those that were added before */
    PASS_ADDED,   /* write added ones that are left */
};

static bool take_row(struct squash *squash, enum pass pass, bool is_removed, struct error *err)
{
    struct rows_writer_row row = {squash->row.data, squash->row.size,
        checksum_xxh3(squash->row.data, squash->row.size), is_removed};

    switch (pass) {
    case PASS_COUNT:
        if (!is_removed)
            row_counts_add(&squash->added, row.hash);
        return true;
    case PASS_REMOVED:
        return !is_removed || row_counts_take(&squash->added, row.hash)
               || put_row(squash, &row, err);
    case PASS_ADDED:
        return is_removed || !row_counts_take(&squash->added, row.hash)
               || put_row(squash, &row, err);
    }
    return true;
}

static bool walk_block(
    struct squash *squash, const struct chain_block *block, enum pass pass, struct error *err)
{
    struct rows_block *rows = &squash->buffer.rows;

    if (!dump_reader_rows(&squash->chain->dumps[block->dump], block->number, &squash->buffer, err))
        return false;
    for (uint32_t i = 0; squash->row.size = 0, rows_block_append(rows, &squash->row); i++)
        if (!take_row(squash, pass, i < rows->removed_count, err))
            return false;
    return true;
}

static bool put_changes(struct squash *squash, struct error *err)
{
    const struct chain_block *blocks = (const void *)squash->blocks.data;
    size_t count = squash->blocks.size / sizeof(*blocks);

    /* Within one block nothing is both removed and added (SPEC 7.1). */
    if (count == 1)
        return copy_block(squash, &blocks[0], err);
    row_counts_clear(&squash->added);
    if (!rows_writer_expect(squash->out, blocks_size(squash), err))
        return false;
    for (enum pass pass = PASS_COUNT; pass <= PASS_ADDED; pass++)
        for (size_t i = 0; i < count; i++)
            if (!walk_block(squash, &blocks[i], pass, err))
                return false;
    /* The threads need as much now. */
    byte_buffer_give_back(&squash->buffer.raw, BYTE_BUFFER_KEPT_SIZE);
    byte_buffer_give_back(&squash->row, BYTE_BUFFER_KEPT_SIZE);
    return rows_writer_cut(squash->out, err);
}

static bool put_patched_unit(
    struct squash *squash, uint32_t number, struct units *units, struct error *err)
{
    uint32_t blocks_before = rows_writer_block_count(squash->out);
    uint32_t source_count;
    uint32_t block_count;
    uint32_t chunk_count;
    const struct chunk *chunks = delta_merge_chunks(&squash->merge, number, &chunk_count);

    squash->blocks.size = 0;
    source_count = delta_merge_sources(&squash->merge, number, &squash->blocks);
    if (!put_changes(squash, err))
        return false;
    block_count = rows_writer_block_count(squash->out) - blocks_before;
    units_append(units, source_count, block_count);
    for (uint32_t i = 0; i < chunk_count; i++)
        units_append_chunk(units, &chunks[i]);
    /* Without chunk and block it would be its one source; it is empty. */
    if (chunk_count == 0 && block_count == 0 && source_count != 1)
        units_append_chunk(units, &(struct chunk){0});
    return true;
}

/* What the deltas of the chain change in the table, by their indexes. */
static struct rows_written add_up(const struct squash *squash)
{
    const struct chain_table *table = squash->table;
    struct rows_written total = {0};

    for (size_t i = 0; i < table->link_count; i++) {
        const struct dump_reader *dump = &squash->chain->dumps[table->first_dump + i];
        size_t first = dump->first_block[table->ordinals[i]];

        for (size_t k = 0; k < dump->block_count[table->ordinals[i]]; k++) {
            const struct index_entry *entry = &dump->index.entries[first + k];

            total.sum = checksum_add(total.sum, entry->sum);
            total.row_count += entry->row_count - 2 * (uint64_t)entry->removed_count;
        }
    }
    return total;
}

static bool put_patched(struct squash *squash, struct table_work *work, struct error *err)
{
    struct table_end *end = &squash->ends[ordinal_of(squash)];
    OWNED(units) struct units units = {0};
    OWNED(byte_buffer) struct byte_buffer body = {0};
    uint32_t unit_count;
    bool is_patch;

    if (!delta_merge_open(&squash->merge, squash->table, &squash->buffer, err))
        return false;
    unit_count = delta_merge_unit_count(&squash->merge);
    for (uint32_t i = 0; i < unit_count; i++) {
        if (!stop_check(err) || !put_patched_unit(squash, i, &units, err))
            return false;
        tell_rows(squash);
    }
    work->wanted = add_up(squash);
    is_patch = rows_writer_block_count(squash->out) > 0;
    end->change = is_patch ? TABLE_PATCH : TABLE_SAME;
    units_encode(&body, end->table, &units);
    return rows_writer_end(squash->out, end, is_patch ? &body : NULL, &work->written, err);
}

/* --- all tables ------------------------------------------------------------------------------ */

/* Looks at the tables that have been written since the last time, or must have been. */
static bool check_written(
    struct squash *squash, uint32_t count, bool is_finished, struct error *err)
{
    const struct schema *schema = &chain_last(squash->chain)->schema;

    for (; squash->checked_count < count; squash->checked_count++) {
        const struct schema_table *table = &schema->tables[squash->checked_count];
        struct table_work *work = &squash->works[squash->checked_count];

        if (!schema_table_has_rows(table))
            continue;
        if (!work->written.is_whole && !is_finished)
            return true;
        if (!work->written.is_whole || work->written.row_count != work->wanted.row_count
            || !checksum_equal(work->written.sum, work->wanted.sum))
            return error_set(err, ERROR_CORRUPT,
                "table \"%s\": its blocks have %" PRIi64
                " rows more than are removed, its dumps say "
                "%" PRIi64 ", or their sums differ",
                table->name.bytes, (int64_t)work->written.row_count,
                (int64_t)work->wanted.row_count);
        table_work_release(work);
    }
    return true;
}

static bool put_table(struct squash *squash, uint32_t ordinal, struct error *err)
{
    const struct dump_reader *last = chain_last(squash->chain);
    struct table_work *work = &squash->works[ordinal];

    work->table = byte_buffer_calloc(1, sizeof(*work->table));
    squash->table = work->table;
    if (!chain_table_open(work->table, squash->chain, ordinal, &squash->buffer, err))
        return error_wrap(err, "table \"%s\"", last->schema.tables[ordinal].name.bytes);
    squash->ends[ordinal] = (struct table_end){.table = ordinal,
        .row_count = last->ends[ordinal].row_count,
        .sum = last->ends[ordinal].sum};
    rows_writer_begin(squash->out, ordinal);
    progress_task_release(&squash->task);
    progress_task_begin(&squash->task, squash->progress, PROGRESS_MERGE, squash->numbers[ordinal]);
    if (work->table->is_whole ? !put_whole(squash, work, err) : !put_patched(squash, work, err))
        return false;
    squash->told.items = 1;
    tell_rows(squash);
    progress_settle(squash->progress, PROGRESS_MERGE, squash->numbers[ordinal]);
    return true;
}

static bool check_state(const struct squash *squash, struct error *err)
{
    const struct dump_reader *last = chain_last(squash->chain);
    uint8_t state_id[SHA256_SIZE];

    state_compute(state_id, &last->schema, squash->ends);
    if (memcmp(state_id, last->tail.state_id, SHA256_SIZE) == 0)
        return true;
    return error_set(err, ERROR_MISMATCH, "the squashed dump has another state than the chain");
}

static bool put_tables(struct squash *squash, struct dump_writer_result *result, struct error *err)
{
    const struct schema *schema = &chain_last(squash->chain)->schema;

    plan_progress(squash);
    squash->ends = byte_buffer_calloc(schema->table_count, sizeof(*squash->ends));
    squash->works = byte_buffer_calloc(schema->table_count, sizeof(*squash->works));
    for (uint32_t i = 0; i < schema->table_count; i++) {
        if ((schema_table_has_rows(&schema->tables[i]) && !put_table(squash, i, err))
            || !check_written(squash, i, false, err))
            return false;
    }
    if (!rows_writer_finish(squash->out, err)
        || !check_written(squash, schema->table_count, true, err))
        return false;
    progress_task_release(&squash->task);
    progress_end(squash->progress, PROGRESS_MERGE);
    return check_state(squash, err) && dump_writer_commit(squash->writer, result, err);
}

bool squash_run(const struct chain *chain, const struct squash_options *options,
    struct dump_writer_result *result, struct error *err)
{
    OWNED(squash) struct squash squash = {.chain = chain, .progress = options->progress};
    const struct dump_reader *first = &chain->dumps[0];
    struct dump_writer_options writer_options = {
        .path = options->path, .kind = first->header.kind, .level = options->level};
    struct rows_writer_options rows_options = {.schema = &chain_last(chain)->schema,
        .thread_count = options->thread_count,
        .level = options->level,
        .is_recompressed = options->is_recompressed};

    memcpy(writer_options.from_state, first->header.from_state, SHA256_SIZE);
    if (!dump_writer_open(&squash.writer, &writer_options, &chain_last(chain)->schema, err))
        return false;
    if (first->is_unchanged)
        return dump_writer_commit_unchanged(squash.writer, result, err);
    rows_options.writer = squash.writer;
    return rows_writer_open(&squash.out, &rows_options, err) && put_tables(&squash, result, err);
}
