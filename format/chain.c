#include "format/chain.h"

#include "base/owned.h"
#include "format/state.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

/* --- the files --------------------------------------------------------------------- */

void chain_release(struct chain *chain)
{
    for (size_t i = 0; i < chain->dump_count; i++)
        dump_reader_release(&chain->dumps[i]);
    free(chain->dumps);
    *chain = (struct chain){0};
}

/* `state` is where the dumps before this one lead to. */
static bool check_follows(
    const struct dump_reader *dump, const uint8_t state[SHA256_SIZE], struct error *err)
{
    char wanted[STATE_TEXT_SIZE];
    char found[STATE_TEXT_SIZE];

    if (dump->header.kind == DUMP_FULL)
        return error_set(err, ERROR_REFUSED,
            "%s is a full dump; it can only be the first of a chain", dump->file.path);
    if (memcmp(dump->header.from_state, state, SHA256_SIZE) == 0)
        return true;
    state_format(wanted, dump->header.from_state);
    state_format(found, state);
    return error_set(err, ERROR_REFUSED,
        "%s starts from state %.16s, but the dumps before it lead to state %.16s: give all dumps, "
        "oldest first",
        dump->file.path, wanted, found);
}

bool chain_open(struct chain *chain, const char *const *paths, size_t count, struct error *err)
{
    uint8_t state[SHA256_SIZE];

    assert(count > 0);
    *chain = (struct chain){.dumps = byte_buffer_calloc(count, sizeof(*chain->dumps))};
    for (size_t i = 0; i < count; i++) {
        struct dump_reader *dump = &chain->dumps[chain->dump_count++];

        if (!dump_reader_open(dump, paths[i], err) || (i > 0 && !check_follows(dump, state, err)))
            return false;
        memcpy(state, dump->tail.state_id, SHA256_SIZE);
        if (dump->is_unchanged && count > 1 && (chain->dump_count > 1 || i + 1 < count)) {
            dump_reader_release(dump);
            chain->dump_count--;
        }
    }
    return true;
}

const struct dump_reader *chain_last(const struct chain *chain)
{
    return &chain->dumps[chain->dump_count - 1];
}

bool chain_is_full(const struct chain *chain)
{
    return chain->dumps[0].header.kind == DUMP_FULL;
}

/* --- one table ----------------------------------------------------------------------- */

void chain_table_release(struct chain_table *table)
{
    for (size_t i = 0; table->links != NULL && i < table->link_count; i++)
        units_release(&table->links[i]);
    free(table->links);
    free(table->ordinals);
    *table = (struct chain_table){0};
}

const struct units *chain_table_units(const struct chain_table *table)
{
    return &table->links[table->link_count - 1];
}

/* The ordinal of the same table in the dump before; false if there is none. */
static bool find_before(const struct dump_reader *dump, uint32_t ordinal,
    const struct dump_reader *before, uint32_t *out)
{
    const struct schema_text *name = &dump->schema.tables[ordinal].name;

    for (uint32_t i = 0; i < before->schema.table_count; i++) {
        const struct schema_text *other = &before->schema.tables[i].name;

        if (other->size == name->size && memcmp(other->bytes, name->bytes, name->size) == 0) {
            *out = i;
            return schema_table_has_rows(&before->schema.tables[i]);
        }
    }
    return false;
}

/* Goes back to the dump that holds the table whole, and notes its ordinals on the way. */
static bool trace(struct chain_table *out, uint32_t ordinal, struct error *err)
{
    const struct chain *chain = out->chain;
    size_t at = chain->dump_count - 1;

    out->ordinals = byte_buffer_calloc(chain->dump_count, sizeof(*out->ordinals));
    out->ordinals[at] = ordinal;
    while (chain->dumps[at].ends[out->ordinals[at]].change != TABLE_WHOLE && at > 0) {
        const struct dump_reader *dump = &chain->dumps[at];
        const struct schema_table *table = &dump->schema.tables[out->ordinals[at]];

        if (!find_before(dump, out->ordinals[at], dump - 1, &out->ordinals[at - 1]))
            return error_set(err, ERROR_CORRUPT,
                "%s: table \"%s\" continues one that %s does not have", dump->file.path,
                table->name.bytes, dump[-1].file.path);
        if (!schema_table_same_columns(table, &dump[-1].schema.tables[out->ordinals[at - 1]]))
            return error_set(err, ERROR_CORRUPT, "%s: table \"%s\" has other columns than in %s",
                dump->file.path, table->name.bytes, dump[-1].file.path);
        at--;
    }
    out->first_dump = at;
    out->link_count = chain->dump_count - at;
    out->is_whole = chain->dumps[at].ends[out->ordinals[at]].change == TABLE_WHOLE;
    memmove(out->ordinals, out->ordinals + at, out->link_count * sizeof(*out->ordinals));
    return true;
}

static void units_of_whole(struct units *out, const struct dump_reader *dump, uint32_t ordinal)
{
    for (size_t i = 0; i < dump->block_count[ordinal]; i++) {
        const struct index_entry *entry = &dump->index.entries[dump->first_block[ordinal] + i];
        struct chunk chunk = {.row_count = entry->row_count, .sum = entry->sum, .cut = entry->cut};

        units_append(out, 0, 1);
        units_append_chunk(out, &chunk);
    }
}

static void units_of_same(struct units *out, const struct units *before)
{
    for (uint32_t i = 0; i < before->unit_count; i++) {
        const struct unit *unit = &before->units[i];

        units_append(out, 1, 0);
        for (size_t k = 0; k < unit->chunk_count; k++)
            units_append_chunk(out, &before->chunks[unit->first_chunk + k]);
    }
}

bool chain_find_units(const struct dump_reader *dump, uint32_t ordinal, size_t *number)
{
    *number = dump->units_block[ordinal];
    return *number != 0;
}

/* Copies `read` to `out`, giving units without chunks those of their source. */
static bool fill_in(
    struct units *out, const struct units *read, const struct units *before, uint32_t block_count)
{
    uint32_t sources = 0;
    uint32_t blocks = 0;

    for (uint32_t i = 0; i < read->unit_count; i++) {
        const struct unit *unit = &read->units[i];
        const struct chunk *chunks = read->chunks + unit->first_chunk;
        size_t chunk_count = unit->chunk_count;

        if (unit->first_source + unit->source_count > before->unit_count)
            return false;
        if (chunk_count == 0 && unit->block_count == 0) {
            chunks = before->chunks + before->units[unit->first_source].first_chunk;
            chunk_count = before->units[unit->first_source].chunk_count;
        }
        units_append(out, unit->source_count, unit->block_count);
        for (size_t k = 0; k < chunk_count; k++)
            units_append_chunk(out, &chunks[k]);
        sources += unit->source_count;
        blocks += unit->block_count;
    }
    return sources == before->unit_count && blocks == block_count;
}

/* Is every unit the sum of what it is made from? */
static bool add_up(const struct units *units, const struct units *before,
    const struct dump_reader *dump, size_t first_block)
{
    for (uint32_t i = 0; i < units->unit_count; i++) {
        const struct unit *unit = &units->units[i];
        uint64_t wanted_count;
        uint64_t count = 0;
        struct hash128 wanted = units_sum(units, i, &wanted_count);
        struct hash128 sum = {0};

        for (uint32_t k = 0; k < unit->source_count; k++) {
            uint64_t more;

            sum = checksum_add(sum, units_sum(before, unit->first_source + k, &more));
            count += more;
        }
        for (uint32_t k = 0; k < unit->block_count; k++) {
            const struct index_entry *entry =
                &dump->index.entries[first_block + unit->first_block + k];

            sum = checksum_add(sum, entry->sum);
            count += entry->row_count - 2 * (uint64_t)entry->removed_count;
        }
        if (count != wanted_count || !checksum_equal(sum, wanted))
            return false;
    }
    return true;
}

/* All sources and all blocks in one unit, which is right whatever the units are. */
static void units_of_all(struct units *out, const struct units *before, uint32_t block_count,
    const struct table_end *end)
{
    uint64_t left = end->row_count;

    units_release(out);
    units_append(out, before->unit_count, block_count);
    while (left > 0) {
        struct chunk chunk = {.row_count = left > UINT32_MAX ? UINT32_MAX : (uint32_t)left};

        left -= chunk.row_count;
        if (left == 0)
            chunk.sum = end->sum;
        units_append_chunk(out, &chunk);
    }
}

/* The units of link i, whose delta patches the table. */
static bool units_of_patch(
    struct chain_table *table, size_t i, struct dump_buffer *buffer, struct error *err)
{
    const struct dump_reader *dump = &table->chain->dumps[table->first_dump + i];
    const struct units *before = &table->links[i - 1];
    uint32_t ordinal = table->ordinals[i];
    uint32_t block_count = (uint32_t)dump->block_count[ordinal];
    OWNED(units) struct units read = {0};
    struct byte_reader body;
    size_t number = 0;

    if (!chain_find_units(dump, ordinal, &number)
        || !dump_reader_block(dump, number, buffer, &body, err)
        || !units_decode(&read, ordinal, &body, err))
        return error_wrap(err, "%s: units of table %" PRIu32, dump->file.path, ordinal);
    if (fill_in(&table->links[i], &read, before, block_count)
        && add_up(&table->links[i], before, dump, dump->first_block[ordinal]))
        return true;
    /* Made against another dump of the same state; whether the rows fit shows in their sum. */
    table->is_loose = true;
    units_of_all(&table->links[i], before, block_count, &dump->ends[ordinal]);
    return true;
}

/* SPEC 7.1: the rows before, less the removed and plus the added ones, are those that the end says.
 */
static bool check_total(const struct chain_table *table, size_t i, struct error *err)
{
    const struct dump_reader *dump = &table->chain->dumps[table->first_dump + i];
    const struct table_end *end = &dump->ends[table->ordinals[i]];
    struct hash128 sum = {0};
    uint64_t row_count = 0;
    uint64_t removed_count = 0;

    if (end->change != TABLE_WHOLE) {
        sum = dump[-1].ends[table->ordinals[i - 1]].sum;
        row_count = dump[-1].ends[table->ordinals[i - 1]].row_count;
    }
    for (size_t k = 0; k < dump->block_count[end->table]; k++) {
        const struct index_entry *entry = &dump->index.entries[dump->first_block[end->table] + k];

        sum = checksum_add(sum, entry->sum);
        row_count += entry->row_count - entry->removed_count;
        removed_count += entry->removed_count;
    }
    if (removed_count <= row_count && row_count - removed_count == end->row_count
        && checksum_equal(sum, end->sum))
        return true;
    row_count -= removed_count <= row_count ? removed_count : row_count;
    return error_set(err, ERROR_CORRUPT,
        "%s: table \"%s\" has %" PRIu64 " rows by its blocks, its end says %" PRIu64
        ", or their sums differ",
        dump->file.path, dump->schema.tables[end->table].name.bytes, row_count, end->row_count);
}

static bool resolve(struct chain_table *out, struct dump_buffer *buffer, struct error *err)
{
    for (size_t i = 0; i < out->link_count; i++) {
        const struct dump_reader *dump = &out->chain->dumps[out->first_dump + i];
        const struct table_end *end = &dump->ends[out->ordinals[i]];

        /* First, as it bounds the row count. */
        if (!check_total(out, i, err))
            return false;
        if (end->change == TABLE_WHOLE)
            units_of_whole(&out->links[i], dump, out->ordinals[i]);
        else if (end->change == TABLE_SAME)
            units_of_same(&out->links[i], &out->links[i - 1]);
        else if (!units_of_patch(out, i, buffer, err))
            return false;
    }
    return true;
}

bool chain_table_open(struct chain_table *out, const struct chain *chain, uint32_t ordinal,
    struct dump_buffer *buffer, struct error *err)
{
    *out = (struct chain_table){.chain = chain};
    if (!trace(out, ordinal, err))
        return false;
    out->links = byte_buffer_calloc(out->link_count, sizeof(*out->links));
    return out->is_whole ? resolve(out, buffer, err) : true;
}

/* --- blocks of units ------------------------------------------------------------------- */

static void collect(
    const struct chain_table *table, size_t link, uint32_t unit_number, struct byte_buffer *out)
{
    const struct unit *unit = &table->links[link].units[unit_number];
    size_t dump = table->first_dump + link;
    size_t first_block = table->chain->dumps[dump].first_block[table->ordinals[link]];

    for (uint32_t i = 0; i < unit->source_count; i++)
        collect(table, link - 1, unit->first_source + i, out);
    for (uint32_t i = 0; i < unit->block_count; i++) {
        struct chain_block block = {.dump = dump, .number = first_block + unit->first_block + i};

        byte_buffer_put(out, &block, sizeof(block));
    }
}

void chain_table_blocks(
    const struct chain_table *table, uint32_t first, uint32_t count, struct byte_buffer *out)
{
    assert(table->is_whole);
    for (uint32_t i = 0; i < count; i++)
        collect(table, table->link_count - 1, first + i, out);
}
