#include "format/units.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#define UNIT_SIZE 12  /* bytes of an encoded unit without chunks */
#define CHUNK_SIZE 28 /* bytes of an encoded chunk */

void units_release(struct units *units)
{
    free(units->units);
    free(units->chunks);
    *units = (struct units){0};
}

struct unit *units_append(struct units *units, uint32_t source_count, uint32_t block_count)
{
    struct unit *unit;

    if (units->unit_count == units->capacity) {
        units->capacity = units->capacity * 2 + 16;
        units->units = byte_buffer_realloc(units->units, units->capacity * sizeof(*units->units));
    }
    unit = &units->units[units->unit_count];
    *unit = (struct unit){.source_count = source_count,
        .block_count = block_count,
        .first_chunk = units->chunk_count};
    if (units->unit_count > 0) {
        unit->first_source = unit[-1].first_source + unit[-1].source_count;
        unit->first_block = unit[-1].first_block + unit[-1].block_count;
    }
    units->unit_count++;
    return unit;
}

void units_append_chunk(struct units *units, const struct chunk *chunk)
{
    assert(units->unit_count > 0);
    if (units->chunk_count == units->chunk_capacity) {
        units->chunk_capacity = units->chunk_capacity * 2 + 16;
        units->chunks =
            byte_buffer_realloc(units->chunks, units->chunk_capacity * sizeof(*units->chunks));
    }
    units->chunks[units->chunk_count++] = *chunk;
    units->units[units->unit_count - 1].chunk_count++;
}

struct hash128 units_sum(const struct units *units, uint32_t unit, uint64_t *row_count)
{
    const struct unit *of = &units->units[unit];
    struct hash128 sum = {0};

    *row_count = 0;
    for (size_t i = of->first_chunk; i < of->first_chunk + of->chunk_count; i++) {
        sum = checksum_add(sum, units->chunks[i].sum);
        *row_count += units->chunks[i].row_count;
    }
    return sum;
}

void units_encode(struct byte_buffer *out, uint32_t table, const struct units *units)
{
    byte_buffer_put_u32(out, table);
    byte_buffer_put_u32(out, units->unit_count);
    for (uint32_t i = 0; i < units->unit_count; i++) {
        const struct unit *unit = &units->units[i];

        byte_buffer_put_u32(out, unit->source_count);
        byte_buffer_put_u32(out, unit->block_count);
        byte_buffer_put_u32(out, unit->chunk_count);
        for (size_t k = unit->first_chunk; k < unit->first_chunk + unit->chunk_count; k++) {
            uint8_t sum[HASH128_SIZE];

            checksum_store(sum, units->chunks[k].sum);
            byte_buffer_put_u32(out, units->chunks[k].row_count);
            byte_buffer_put(out, sum, sizeof(sum));
            byte_buffer_put_u64(out, units->chunks[k].cut);
        }
    }
}

static bool get_unit(struct units *out, struct byte_reader *body)
{
    uint32_t source_count = byte_reader_u32(body);
    uint32_t block_count = byte_reader_u32(body);
    uint32_t chunk_count = byte_reader_u32(body);
    const struct unit *unit;

    if (body->overrun || chunk_count > byte_reader_left(body) / CHUNK_SIZE
        || (chunk_count == 0 && block_count == 0 && source_count != 1))
        return false;
    unit = units_append(out, source_count, block_count);
    if (source_count > UINT32_MAX - unit->first_source
        || block_count > UINT32_MAX - unit->first_block)
        return false;
    for (uint32_t i = 0; i < chunk_count; i++) {
        struct chunk chunk = {.row_count = byte_reader_u32(body)};

        chunk.sum = checksum_load(byte_reader_span(body, HASH128_SIZE));
        chunk.cut = byte_reader_u64(body);
        units_append_chunk(out, &chunk);
    }
    return true;
}

bool units_decode(struct units *out, uint32_t table, struct byte_reader *body, struct error *err)
{
    uint32_t found = byte_reader_u32(body);
    uint32_t unit_count = byte_reader_u32(body);

    if (body->overrun || found != table || unit_count > byte_reader_left(body) / UNIT_SIZE)
        return error_set(err, ERROR_CORRUPT,
            "units of table %" PRIu32 ": %" PRIu32 " of them do not fit their block", found,
            unit_count);
    for (uint32_t i = 0; i < unit_count; i++)
        if (!get_unit(out, body))
            return error_set(err, ERROR_CORRUPT, "unit %" PRIu32 " is damaged", i);
    if (byte_reader_left(body) != 0)
        return error_set(
            err, ERROR_CORRUPT, "units: %zu bytes after their end", byte_reader_left(body));
    return true;
}
