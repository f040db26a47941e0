#include "tools/block_check.h"

#include "base/owned.h"
#include "format/checksum.h"
#include "format/units.h"

#include <inttypes.h>
#include <string.h>

void block_check_release(struct block_check *work)
{
    block_codec_release(&work->codec);
    byte_buffer_release(&work->frame);
    byte_buffer_release(&work->raw);
    rows_block_release(&work->rows);
    rows_total_release(&work->total);
    *work = (struct block_check){0};
}

/* --- one block ------------------------------------------------------------ */

/* The number that a raw block says it has. */
static uint32_t own_number(const struct byte_buffer *raw)
{
    return raw->size < BLOCK_HEAD_SIZE ? DAMAGE_NO_NUMBER : byte_reader_load_u32(raw->data + 4);
}

bool block_check_load(struct block_check *work, const struct dump_check *check,
    struct check_block *block, struct byte_reader *body, struct error *err)
{
    const struct index_entry *entry = &block->entry;
    size_t size_max = block->is_indexed ? entry->raw_size : BLOCK_SIZE_MAX;
    uint32_t type;

    byte_buffer_reserve(&work->frame, entry->frame_size);
    if (!file_input_read_at(&check->file, entry->offset, work->frame.data, entry->frame_size, err))
        return false;
    if (!block_decompress(
            &work->codec, &work->raw, work->frame.data, entry->frame_size, size_max, err))
        return false;
    if (!block->is_number_known) {
        block->number = own_number(&work->raw);
        block->is_number_known = true;
    }
    if (!block_open(body, &type, &work->raw, block->number, err))
        return false;
    if (!block->is_indexed) {
        block->entry.type = type;
        block->entry.raw_size = (uint32_t)work->raw.size;
        return true;
    }
    if (work->raw.size != entry->raw_size)
        return error_set(err, ERROR_CORRUPT, "the block has %zu bytes, the index says %" PRIu32,
            work->raw.size, entry->raw_size);
    if (type != entry->type)
        return error_set(err, ERROR_CORRUPT,
            "the block is of type %" PRIu32 ", the index says %" PRIu32, type, entry->type);
    if (!checksum_equal(checksum_xxh3(work->raw.data, work->raw.size), entry->checksum))
        return error_set(err, ERROR_CORRUPT, "the block's XXH3 is not what the index says");
    return true;
}

static bool compare_with_entry(
    const struct block_check *work, const struct index_entry *entry, struct error *err)
{
    const struct rows_total *total = &work->total;

    if (work->rows.table != entry->table)
        return error_set(err, ERROR_CORRUPT,
            "the rows are of table %" PRIu32 ", the index says %" PRIu32, work->rows.table,
            entry->table);
    if (work->rows.row_count != entry->row_count
        || work->rows.removed_count != entry->removed_count)
        return error_set(err, ERROR_CORRUPT,
            "the block has %" PRIu32 " rows (%" PRIu32 " removed), the index says %" PRIu32
            " (%" PRIu32 ")",
            work->rows.row_count, work->rows.removed_count, entry->row_count, entry->removed_count);
    if (!checksum_equal(total->sum, entry->sum))
        return error_set(err, ERROR_CORRUPT, "the sum of the rows is not what the index says");
    if (total->cut != entry->cut)
        return error_set(err, ERROR_CORRUPT, "the last row is not the one that the index says");
    return true;
}

/* The table that a ROWS or TABLE_END body is of, with rows in a dump. */
static bool find_table(const struct dump_check *check, const struct byte_reader *body,
    uint32_t *ordinal, struct error *err)
{
    struct byte_reader peek = *body;

    *ordinal = byte_reader_u32(&peek);
    if (*ordinal >= check->schema.table_count
        || !schema_table_has_rows(&check->schema.tables[*ordinal])) {
        uint32_t found = *ordinal;

        *ordinal = INDEX_NO_TABLE;
        return error_set(err, ERROR_CORRUPT,
            "the block is of table %" PRIu32 ", which has no rows in a dump", found);
    }
    return true;
}

static bool check_rows(struct block_check *work, struct dump_check *check,
    struct check_block *block, struct byte_reader *body, struct error *err)
{
    const struct rows_total *total = &work->total;
    struct check_table *table;
    uint32_t column_count;
    uint32_t ordinal;

    if (!find_table(check, body, &ordinal, err))
        return false;
    column_count = check->schema.tables[ordinal].column_count;
    if (!rows_block_decode(&work->rows, body, column_count, err))
        return false;
    if (check->has_header && check->header.kind == DUMP_FULL && work->rows.removed_count > 0)
        return error_set(err, ERROR_CORRUPT, "removed rows in a full dump");
    rows_total_add_up(&work->total, &work->rows);
    if (block->is_indexed && !compare_with_entry(work, &block->entry, err))
        return false;
    block->entry.table = ordinal;
    block->entry.row_count = work->rows.row_count;
    block->entry.removed_count = work->rows.removed_count;

    pthread_mutex_lock(&check->lock);
    table = &check->tables[ordinal];
    table->sum = checksum_add(table->sum, total->sum);
    table->row_count += (uint64_t)work->rows.row_count - 2 * (uint64_t)work->rows.removed_count;
    table->size += total->size;
    table->raw_size += work->raw.size;
    table->block_count++;
    check->row_count += work->rows.row_count;
    for (uint32_t i = 0; i < column_count; i++)
        table_end_merge(&table->facts[i], &total->facts[i]);
    pthread_mutex_unlock(&check->lock);
    return true;
}

static bool check_end(struct dump_check *check, struct check_block *block, struct byte_reader *body,
    struct error *err)
{
    struct table_end end = {0};
    uint32_t ordinal;
    bool done;

    if (!find_table(check, body, &ordinal, err))
        return false;
    if (block->is_indexed && block->entry.table != ordinal)
        return error_set(err, ERROR_CORRUPT,
            "the end is of table %" PRIu32 ", the index says %" PRIu32, ordinal,
            block->entry.table);
    block->entry.table = ordinal;
    pthread_mutex_lock(&check->lock);
    done = table_end_decode(
        &end, &check->arena, body, check->schema.tables[ordinal].column_count, err);
    if (done && check->tables[ordinal].has_end) {
        done = error_set(err, ERROR_CORRUPT, "the table has ended before");
    } else if (done) {
        check->tables[ordinal].end = end;
        check->tables[ordinal].has_end = true;
    }
    pthread_mutex_unlock(&check->lock);
    return done;
}

static bool check_units(struct dump_check *check, struct check_block *block,
    struct byte_reader *body, struct error *err)
{
    OWNED(units) struct units units = {0};
    struct check_table *table;
    uint32_t ordinal;

    if (check->has_header && check->header.kind == DUMP_FULL)
        return error_set(err, ERROR_CORRUPT, "units in a full dump");
    if (!find_table(check, body, &ordinal, err) || !units_decode(&units, ordinal, body, err))
        return false;
    block->entry.table = ordinal;
    table = &check->tables[ordinal];
    pthread_mutex_lock(&check->lock);
    table->has_units = true;
    for (uint32_t i = 0; i < units.unit_count; i++)
        table->unit_block_count += units.units[i].block_count;
    pthread_mutex_unlock(&check->lock);
    return true;
}

static bool check_body(struct block_check *work, struct dump_check *check,
    struct check_block *block, struct byte_reader *body, struct error *err)
{
    uint32_t type = block->entry.type;

    pthread_mutex_lock(&check->lock);
    check->raw_size += work->raw.size;
    pthread_mutex_unlock(&check->lock);
    /* Without the schema rows have no meaning; that the block is as it was written, they have. */
    if ((type == BLOCK_ROWS || type == BLOCK_TABLE_END || type == BLOCK_UNITS)
        && !check->has_schema)
        return true;
    if (type == BLOCK_ROWS)
        return check_rows(work, check, block, body, err);
    if (type == BLOCK_TABLE_END)
        return check_end(check, block, body, err);
    if (type == BLOCK_SCHEMA && block->number != 0)
        return error_set(err, ERROR_CORRUPT, "a second schema");
    if (type == BLOCK_UNCHANGED)
        return error_set(err, ERROR_CORRUPT, "an unchanged block behind others");
    if (type == BLOCK_SCHEMA || (type & BLOCK_OPTIONAL) != 0)
        return true; /* the schema has been read before */
    if (type == BLOCK_INDEX && !block->is_indexed)
        return true; /* found while walking; nothing depends on it then */
    if (type == BLOCK_UNITS)
        return check_units(check, block, body, err);
    return error_set(err, ERROR_UNSUPPORTED,
        "the block's type %" PRIu32 " is not known: a newer valise may", type);
}

void block_check_run(struct block_check *work, struct dump_check *check, struct check_block *block)
{
    struct byte_reader body;
    struct error err;
    struct damage damage = {.part = DAMAGE_BLOCK, .table = INDEX_NO_TABLE};

    block->is_sound = block_check_load(work, check, block, &body, &err)
                      && check_body(work, check, block, &body, &err);
    if (block->is_sound)
        return;
    damage.number = block->is_number_known ? block->number : DAMAGE_NO_NUMBER;
    damage.offset = block->entry.offset;
    damage.size = block->entry.frame_size;
    if (check->has_schema && block->entry.table < check->schema.table_count)
        damage.table = block->entry.table;
    dump_check_report(check, &damage, &err);
}

/* --- one table ------------------------------------------------------------- */

static bool compare_totals(const struct check_table *found, struct error *err)
{
    const struct table_end *end = &found->end;

    if (found->row_count != end->row_count)
        return error_set(err, ERROR_CORRUPT, "has %" PRIu64 " rows, its end says %" PRIu64,
            found->row_count, end->row_count);
    if (!checksum_equal(found->sum, end->sum))
        return error_set(err, ERROR_CORRUPT, "the sum of its rows is not what its end says");
    return true;
}

static bool compare_facts(
    const struct schema_table *table, const struct check_table *found, struct error *err)
{
    const struct table_end *end = &found->end;

    if (found->size != end->size)
        return error_set(err, ERROR_CORRUPT,
            "its rows have %" PRIu64 " canonical bytes, its end says %" PRIu64, found->size,
            end->size);
    for (uint32_t i = 0; i < table->column_count; i++) {
        if (memcmp(&found->facts[i], &end->facts[i], sizeof(found->facts[i])) != 0)
            return error_set(err, ERROR_CORRUPT,
                "column \"%s\": the facts are not those of its values",
                table->columns[i].name.bytes);
    }
    return true;
}

static bool compare_table(
    const struct schema_table *table, const struct check_table *found, struct error *err)
{
    if (!found->has_end)
        return error_set(err, ERROR_CORRUPT, "its end is missing");
    /* A patch says what the table has with the rows that are not in this dump. */
    if (found->end.change == TABLE_WHOLE && !compare_totals(found, err))
        return false;
    if (found->end.change == TABLE_SAME && found->block_count > 0)
        return error_set(err, ERROR_CORRUPT, "has rows, its end says that it is unchanged");
    if (found->has_units && found->unit_block_count != found->block_count)
        return error_set(err, ERROR_CORRUPT,
            "its units take %" PRIu64 " blocks of rows, it has %" PRIu64, found->unit_block_count,
            found->block_count);
    return compare_facts(table, found, err);
}

void block_check_table(struct dump_check *check, uint32_t table)
{
    struct check_table *found = &check->tables[table];
    struct damage damage = {.part = DAMAGE_TABLE, .number = DAMAGE_NO_NUMBER, .table = table};
    struct error err;

    /* A damaged block of the table has been reported; that it is missing is no news. */
    if (found->is_damaged || !schema_table_has_rows(&check->schema.tables[table]))
        return;
    /* In what is left of a truncated dump, all that is missing is one damage. */
    if (!check->has_index && !found->has_end && found->block_count == 0)
        found->is_damaged = true;
    else if (!compare_table(&check->schema.tables[table], found, &err))
        dump_check_report(check, &damage, &err);
}
