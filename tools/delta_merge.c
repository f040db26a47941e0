#include "tools/delta_merge.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

void delta_merge_release(struct delta_merge *merge)
{
    for (size_t i = 0; i < merge->link_count; i++)
        units_release(&merge->links[i].units);
    free(merge->links);
    units_release(&merge->loose);
    *merge = (struct delta_merge){0};
}

/* --- reading ------------------------------------------------------------------------- */

static const struct chunk *chunks_of(
    const struct delta_merge *merge, size_t link, uint32_t unit, uint32_t *count)
{
    for (;; link--) {
        const struct units *units = &merge->links[link].units;
        const struct unit *of = &units->units[unit];

        *count = of->chunk_count;
        /* A unit without either goes on as its one source. */
        if (of->chunk_count > 0 || of->block_count > 0)
            return units->chunks + of->first_chunk;
        if (link == 0)
            return NULL;
        unit = of->first_source;
    }
}

/* Adds what is known of a unit's rows to *sum; false if it is one from before the first delta. */
static bool add_unit(
    const struct delta_merge *merge, size_t link, uint32_t unit, struct hash128 *sum)
{
    uint32_t count;
    const struct chunk *chunks = chunks_of(merge, link, unit, &count);

    for (uint32_t i = 0; i < count; i++)
        *sum = checksum_add(*sum, chunks[i].sum);
    return chunks != NULL;
}

/* Is a unit of the last link read the sum of what it is made from, as far as that is known? */
static bool adds_up(
    const struct delta_merge *merge, const struct dump_reader *dump, uint32_t unit_number)
{
    size_t link = merge->link_count - 1;
    const struct unit *unit = &merge->links[link].units.units[unit_number];
    struct hash128 wanted = {0};
    struct hash128 sum = {0};

    if (!add_unit(merge, link, unit_number, &wanted))
        return true;
    for (uint32_t i = 0; i < unit->source_count; i++)
        if (!add_unit(merge, link - 1, unit->first_source + i, &sum))
            return true;
    for (uint32_t i = 0; i < unit->block_count; i++)
        sum = checksum_add(
            sum, dump->index.entries[merge->links[link].first_block + unit->first_block + i].sum);
    return checksum_equal(sum, wanted);
}

/* Do the units of the last link read continue those of the one before? */
static bool fits(const struct delta_merge *merge, const struct dump_reader *dump)
{
    size_t link = merge->link_count - 1;
    const struct units *units = &merge->links[link].units;
    uint64_t sources = 0;

    if (link == 0)
        return true;
    for (uint32_t i = 0; i < units->unit_count; i++)
        sources += units->units[i].source_count;
    if (sources != merge->links[link - 1].units.unit_count)
        return false;
    for (uint32_t i = 0; i < units->unit_count; i++)
        if (!adds_up(merge, dump, i))
            return false;
    return true;
}

static bool read_link(struct delta_merge *merge, const struct dump_reader *dump, uint32_t ordinal,
    struct dump_buffer *buffer, struct error *err)
{
    struct delta_merge_link *link = &merge->links[merge->link_count];
    struct byte_reader body;
    uint64_t blocks = 0;
    size_t number;

    merge->link_count++;
    if (!chain_find_units(dump, ordinal, &number))
        return error_set(err, ERROR_CORRUPT, "the units are missing");
    if (!dump_reader_block(dump, number, buffer, &body, err)
        || !units_decode(&link->units, ordinal, &body, err))
        return false;
    link->first_block = dump->first_block[ordinal];
    link->block_count = dump->block_count[ordinal];
    for (uint32_t i = 0; i < link->units.unit_count; i++)
        blocks += link->units.units[i].block_count;
    if (blocks != link->block_count)
        return error_set(err, ERROR_CORRUPT, "the units have %" PRIu64 " blocks, the table has %zu",
            blocks, link->block_count);
    merge->is_loose = merge->is_loose || !fits(merge, dump);
    return true;
}

/* One unit of all that the first delta starts from. */
static void loosen(struct delta_merge *merge, const struct table_end *end)
{
    const struct units *first = &merge->links[0].units;
    uint64_t left = end->row_count;
    uint32_t sources = 0;

    for (uint32_t i = 0; i < first->unit_count; i++)
        sources += first->units[i].source_count;
    units_append(&merge->loose, sources, 0);
    while (left > 0) {
        struct chunk chunk = {.row_count = left > UINT32_MAX ? UINT32_MAX : (uint32_t)left};

        left -= chunk.row_count;
        if (left == 0)
            chunk.sum = end->sum;
        units_append_chunk(&merge->loose, &chunk);
    }
}

bool delta_merge_open(struct delta_merge *merge, const struct chain_table *table,
    struct dump_buffer *buffer, struct error *err)
{
    const struct dump_reader *last = chain_last(table->chain);

    delta_merge_release(merge);
    merge->links = byte_buffer_calloc(table->link_count, sizeof(*merge->links));
    for (size_t i = 0; i < table->link_count; i++) {
        const struct dump_reader *dump = &table->chain->dumps[table->first_dump + i];
        uint32_t ordinal = table->ordinals[i];

        if (dump->ends[ordinal].change != TABLE_PATCH)
            continue;
        merge->links[merge->link_count].dump = table->first_dump + i;
        if (!read_link(merge, dump, ordinal, buffer, err))
            return error_wrap(
                err, "%s: table \"%s\"", dump->file.path, dump->schema.tables[ordinal].name.bytes);
    }
    if (merge->is_loose)
        loosen(merge, &last->ends[table->ordinals[table->link_count - 1]]);
    return true;
}

/* --- units ------------------------------------------------------------------------------ */

uint32_t delta_merge_unit_count(const struct delta_merge *merge)
{
    if (merge->is_loose)
        return 1;
    return merge->link_count == 0 ? 0 : merge->links[merge->link_count - 1].units.unit_count;
}

static void put_block(
    struct byte_buffer *blocks, const struct delta_merge_link *link, size_t number)
{
    struct chain_block block = {.dump = link->dump, .number = link->first_block + number};

    byte_buffer_put(blocks, &block, sizeof(block));
}

static uint32_t collect(
    const struct delta_merge *merge, size_t link, uint32_t unit_number, struct byte_buffer *blocks)
{
    const struct delta_merge_link *of = &merge->links[link];
    const struct unit *unit = &of->units.units[unit_number];
    uint32_t source_count = link == 0 ? unit->source_count : 0;

    for (uint32_t i = 0; link > 0 && i < unit->source_count; i++)
        source_count += collect(merge, link - 1, unit->first_source + i, blocks);
    for (uint32_t i = 0; i < unit->block_count; i++)
        put_block(blocks, of, unit->first_block + i);
    return source_count;
}

uint32_t delta_merge_sources(
    const struct delta_merge *merge, uint32_t unit, struct byte_buffer *blocks)
{
    assert(merge->link_count > 0);
    if (!merge->is_loose)
        return collect(merge, merge->link_count - 1, unit, blocks);
    for (size_t i = 0; i < merge->link_count; i++)
        for (size_t k = 0; k < merge->links[i].block_count; k++)
            put_block(blocks, &merge->links[i], k);
    return merge->loose.units[0].source_count;
}

const struct chunk *delta_merge_chunks(
    const struct delta_merge *merge, uint32_t unit, uint32_t *count)
{
    if (!merge->is_loose)
        return chunks_of(merge, merge->link_count - 1, unit, count);
    *count = merge->loose.units[0].chunk_count;
    return merge->loose.chunks;
}
