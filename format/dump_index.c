#include "format/dump_index.h"

#include <inttypes.h>
#include <stdlib.h>

void dump_index_release(struct dump_index *index)
{
    free(index->entries);
    *index = (struct dump_index){0};
}

void dump_index_append(struct dump_index *index, const struct index_entry *entry)
{
    if (index->entry_count == index->capacity) {
        index->capacity = index->capacity * 2 + 64;
        index->entries =
            byte_buffer_realloc(index->entries, index->capacity * sizeof(*index->entries));
    }
    index->entries[index->entry_count++] = *entry;
}

static void put_hash(struct byte_buffer *out, struct hash128 hash)
{
    byte_buffer_put_u64(out, hash.low);
    byte_buffer_put_u64(out, hash.high);
}

static struct hash128 get_hash(struct byte_reader *r)
{
    uint64_t low = byte_reader_u64(r);

    return (struct hash128){.low = low, .high = byte_reader_u64(r)};
}

void dump_index_encode(
    struct byte_buffer *out, const struct dump_index *index, size_t first, uint32_t count)
{
    byte_buffer_put_u32(out, count);
    for (size_t i = first; i < first + count; i++) {
        const struct index_entry *entry = &index->entries[i];

        byte_buffer_put_u64(out, entry->offset);
        byte_buffer_put_u32(out, entry->frame_size);
        byte_buffer_put_u32(out, entry->raw_size);
        byte_buffer_put_u32(out, entry->type);
        byte_buffer_put_u32(out, entry->table);
        byte_buffer_put_u32(out, entry->row_count);
        byte_buffer_put_u32(out, entry->removed_count);
        put_hash(out, entry->sum);
        put_hash(out, entry->checksum);
        byte_buffer_put_u64(out, entry->cut);
    }
}

static struct index_entry get_entry(struct byte_reader *r)
{
    struct index_entry entry = {0};

    entry.offset = byte_reader_u64(r);
    entry.frame_size = byte_reader_u32(r);
    entry.raw_size = byte_reader_u32(r);
    entry.type = byte_reader_u32(r);
    entry.table = byte_reader_u32(r);
    entry.row_count = byte_reader_u32(r);
    entry.removed_count = byte_reader_u32(r);
    entry.sum = get_hash(r);
    entry.checksum = get_hash(r);
    entry.cut = byte_reader_u64(r);
    return entry;
}

bool dump_index_decode(struct dump_index *index, struct byte_reader *body, struct error *err)
{
    uint32_t count = byte_reader_u32(body);
    size_t left = byte_reader_left(body);

    if (body->overrun || count == 0 || count > INDEX_BLOCK_ENTRY_COUNT_MAX
        || left != (size_t)count * INDEX_ENTRY_SIZE)
        return error_set(err, ERROR_CORRUPT,
            "index block says %" PRIu32 " entries and has %zu bytes for them", count, left);
    for (uint32_t i = 0; i < count; i++) {
        struct index_entry entry = get_entry(body);

        if (entry.removed_count > entry.row_count)
            return error_set(err, ERROR_CORRUPT,
                "index entry %zu: %" PRIu32 " rows, %" PRIu32 " of them removed",
                index->entry_count, entry.row_count, entry.removed_count);
        dump_index_append(index, &entry);
    }
    return true;
}
