#include "format/dump_reader.h"

#include "base/owned.h"
#include "base/stop.h"
#include "format/movable_frame.h"
#include "format/sha256.h"
#include "format/state.h"

#include <inttypes.h>
#include <stdlib.h>

#define DIGEST_CHUNK_SIZE ((size_t)1 << 20) /* bytes read at a time */
#define INDEX_RAW_SIZE_MAX \
    (BLOCK_HEAD_SIZE + 4 + (size_t)INDEX_BLOCK_ENTRY_COUNT_MAX * INDEX_ENTRY_SIZE)
#define INDEX_FRAME_SIZE_MAX (INDEX_RAW_SIZE_MAX + ((size_t)1 << 20))

void dump_buffer_release(struct dump_buffer *buffer)
{
    block_codec_release(&buffer->codec);
    byte_buffer_release(&buffer->frame);
    byte_buffer_release(&buffer->raw);
    rows_block_release(&buffer->rows);
}

void dump_reader_release(struct dump_reader *reader)
{
    file_input_release(&reader->file);
    schema_release(&reader->schema);
    dump_index_release(&reader->index);
    arena_release(&reader->arena);
    *reader = (struct dump_reader){.file = {.fd = -1}};
}

/* --- header and tail ------------------------------------------------------------- */

static bool read_ends_of_file(struct dump_reader *reader, struct error *err)
{
    const struct file_input *file = &reader->file;
    size_t size = file->size < HEADER_SIZE ? (size_t)file->size : HEADER_SIZE;
    uint8_t header[HEADER_SIZE];
    uint8_t tail[TAIL_SIZE];

    if (!file_input_read_at(file, 0, header, size, err)
        || !header_decode(&reader->header, header, size, err))
        return false;
    if (file->size < HEADER_SIZE + TAIL_SIZE)
        return error_set(err, ERROR_CORRUPT, "truncated: %" PRIu64 " bytes", file->size);
    if (!file_input_read_at(file, file->size - TAIL_SIZE, tail, TAIL_SIZE, err))
        return false;
    return tail_decode(&reader->tail, tail, file->size, err);
}

/* --- index ------------------------------------------------------------------------ */

/* Reads the INDEX block whose frame starts at *offset, and moves *offset behind it. */
static bool read_index_block(struct dump_reader *reader, struct dump_buffer *buffer,
    uint64_t *offset, uint32_t number, struct error *err)
{
    uint64_t left = reader->file.size - TAIL_SIZE - *offset;
    size_t size = left < INDEX_FRAME_SIZE_MAX ? (size_t)left : INDEX_FRAME_SIZE_MAX;
    struct byte_reader body;
    uint32_t type;

    buffer->frame.size = 0;
    byte_buffer_reserve(&buffer->frame, size);
    if (!file_input_read_at(&reader->file, *offset, buffer->frame.data, size, err)
        || !block_frame_size(&size, buffer->frame.data, size, err)
        || !block_decompress(
            &buffer->codec, &buffer->raw, buffer->frame.data, size, INDEX_RAW_SIZE_MAX, err)
        || !block_open(&body, &type, &buffer->raw, number, err))
        return false;
    if (type != BLOCK_INDEX)
        return error_set(err, ERROR_CORRUPT, "block of type %" PRIu32 ", expected an index", type);
    *offset += size;
    return dump_index_decode(&reader->index, &body, err);
}

static bool read_index(struct dump_reader *reader, struct dump_buffer *buffer, struct error *err)
{
    uint64_t offset = reader->tail.index_offset;
    uint32_t first = reader->tail.block_count - reader->tail.index_block_count;

    for (uint32_t i = 0; i < reader->tail.index_block_count; i++)
        if (!read_index_block(reader, buffer, &offset, first + i, err))
            return error_wrap(err, "index block at byte %" PRIu64, offset);
    if (offset != reader->file.size - TAIL_SIZE)
        return error_set(err, ERROR_CORRUPT, "%" PRIu64 " bytes between index and tail",
            reader->file.size - TAIL_SIZE - offset);
    if (reader->index.entry_count != first)
        return error_set(err, ERROR_CORRUPT, "the index has %zu entries, the tail says %" PRIu32,
            reader->index.entry_count, first);
    return true;
}

/* The frames must follow each other without a gap, from the header to the index. */
static bool check_frames(const struct dump_reader *reader, struct error *err)
{
    uint64_t offset = HEADER_SIZE;

    for (size_t i = 0; i < reader->index.entry_count; i++) {
        const struct index_entry *entry = &reader->index.entries[i];

        if (entry->offset != offset || entry->raw_size > BLOCK_SIZE_MAX)
            return error_set(err, ERROR_CORRUPT,
                "index entry %zu: block at byte %" PRIu64 " with %" PRIu32
                " bytes, expected at byte %" PRIu64,
                i, entry->offset, entry->raw_size, offset);
        offset += entry->frame_size;
    }
    if (offset != reader->tail.index_offset)
        return error_set(err, ERROR_CORRUPT,
            "the blocks end at byte %" PRIu64 ", the index begins at %" PRIu64, offset,
            reader->tail.index_offset);
    return true;
}

/* --- blocks ------------------------------------------------------------------------- */

static bool read_frame(const struct dump_reader *reader, const struct index_entry *entry,
    struct dump_buffer *buffer, struct error *err)
{
    buffer->frame.size = 0;
    byte_buffer_reserve(&buffer->frame, entry->frame_size);
    buffer->frame.size = entry->frame_size;
    return file_input_read_at(
        &reader->file, entry->offset, buffer->frame.data, entry->frame_size, err);
}

/* Decodes the rest of a movable frame without its head. False also if it is damaged. */
static bool decode_movable(struct dump_buffer *buffer, const struct index_entry *entry)
{
    uint8_t head[MOVABLE_FRAME_HEAD_SIZE];
    uint32_t checksum;
    struct error ignored;

    if (entry->raw_size < sizeof(head) || !movable_frame_split(&buffer->frame, head, &checksum))
        return false;
    buffer->raw.size = 0;
    byte_buffer_put(&buffer->raw, head, sizeof(head));
    return block_decompress_behind(&buffer->codec, &buffer->raw,
               buffer->frame.data + MOVABLE_FRAME_ROOM, buffer->frame.size - MOVABLE_FRAME_ROOM,
               entry->raw_size - sizeof(head), &ignored)
           && movable_frame_checksum(buffer->raw.data, buffer->raw.size) == checksum;
}

/* With is_movable: tries to leave the frame split. */
static bool decode_frame(const struct dump_reader *reader, const struct index_entry *entry,
    struct dump_buffer *buffer, bool *is_movable, struct error *err)
{
    if (!read_frame(reader, entry, buffer, err))
        return false;
    if (is_movable != NULL) {
        *is_movable = decode_movable(buffer, entry);
        if (*is_movable)
            return true;
        if (!read_frame(reader, entry, buffer, err))
            return false;
    }
    if (!block_decompress(&buffer->codec, &buffer->raw, buffer->frame.data, buffer->frame.size,
            entry->raw_size, err))
        return false;
    /* A long frame is not needed any more. */
    byte_buffer_give_back(&buffer->frame, BYTE_BUFFER_KEPT_SIZE);
    return true;
}

static bool read_block(const struct dump_reader *reader, size_t number, struct dump_buffer *buffer,
    bool *is_movable, struct byte_reader *body, struct error *err)
{
    const struct index_entry *entry = &reader->index.entries[number];
    uint32_t type;

    if (!decode_frame(reader, entry, buffer, is_movable, err))
        return false;
#ifndef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    if (!checksum_equal(checksum_xxh3(buffer->raw.data, buffer->raw.size), entry->checksum))
        return error_set(err, ERROR_CORRUPT, "its checksum does not match the index");
#endif
    if (!block_open(body, &type, &buffer->raw, (uint32_t)number, err))
        return false;
    if (type != entry->type)
        return error_set(err, ERROR_CORRUPT, "is of type %" PRIu32 ", the index says %" PRIu32,
            type, entry->type);
    return true;
}

static bool read_named_block(const struct dump_reader *reader, size_t number,
    struct dump_buffer *buffer, bool *is_movable, struct byte_reader *body, struct error *err)
{
    const struct index_entry *entry = &reader->index.entries[number];

    if (read_block(reader, number, buffer, is_movable, body, err))
        return true;
    if (entry->table < reader->schema.table_count)
        return error_wrap(err, "%s: block %zu (table \"%s\") at byte %" PRIu64, reader->file.path,
            number, reader->schema.tables[entry->table].name.bytes, entry->offset);
    return error_wrap(
        err, "%s: block %zu at byte %" PRIu64, reader->file.path, number, entry->offset);
}

bool dump_reader_block(const struct dump_reader *reader, size_t number, struct dump_buffer *buffer,
    struct byte_reader *body, struct error *err)
{
    return read_named_block(reader, number, buffer, NULL, body, err);
}

static bool read_rows(const struct dump_reader *reader, size_t number, struct dump_buffer *buffer,
    bool *is_movable, struct error *err)
{
    const struct index_entry *entry = &reader->index.entries[number];
    const struct schema_table *table = &reader->schema.tables[entry->table];
    struct byte_reader body;

    if (!read_named_block(reader, number, buffer, is_movable, &body, err))
        return false;
    if (!rows_block_decode(&buffer->rows, &body, table->column_count, err))
        return error_wrap(
            err, "%s: block %zu (table \"%s\")", reader->file.path, number, table->name.bytes);
    if (buffer->rows.table != entry->table || buffer->rows.row_count != entry->row_count
        || buffer->rows.removed_count != entry->removed_count)
        return error_set(err, ERROR_CORRUPT,
            "%s: block %zu holds %" PRIu32 " rows of table %" PRIu32 ", the index says %" PRIu32
            " of table %" PRIu32,
            reader->file.path, number, buffer->rows.row_count, buffer->rows.table, entry->row_count,
            entry->table);
    return true;
}

bool dump_reader_rows(
    const struct dump_reader *reader, size_t number, struct dump_buffer *buffer, struct error *err)
{
    return read_rows(reader, number, buffer, NULL, err);
}

bool dump_reader_movable_rows(const struct dump_reader *reader, size_t number,
    struct dump_buffer *buffer, bool *is_movable, struct error *err)
{
    return read_rows(reader, number, buffer, is_movable, err);
}

/* --- tables --------------------------------------------------------------------------- */

static bool read_schema(struct dump_reader *reader, struct dump_buffer *buffer, struct error *err)
{
    struct byte_reader body;
    uint32_t table_count;

    if (reader->index.entries[0].type != BLOCK_SCHEMA)
        return error_set(err, ERROR_CORRUPT,
            "the first block is of type %" PRIu32 ", expected the schema",
            reader->index.entries[0].type);
    if (reader->index.entries[0].raw_size > SCHEMA_BLOCK_SIZE_MAX)
        return error_set(err, ERROR_CORRUPT, "the schema block has %" PRIu32 " bytes, at most %zu",
            reader->index.entries[0].raw_size, SCHEMA_BLOCK_SIZE_MAX);
    if (!read_block(reader, 0, buffer, NULL, &body, err)
        || !schema_decode(&reader->schema, &body, err))
        return error_wrap(err, "block 0 (schema)");
    table_count = reader->schema.table_count;
    reader->ends = arena_alloc(&reader->arena, table_count, sizeof(*reader->ends));
    reader->first_block = arena_alloc(&reader->arena, table_count, sizeof(*reader->first_block));
    reader->block_count = arena_alloc(&reader->arena, table_count, sizeof(*reader->block_count));
    reader->units_block = arena_alloc(&reader->arena, table_count, sizeof(*reader->units_block));
    return true;
}

/* How far the walk over the index has come. */
struct walk {
    uint32_t table; /* the next one that needs a TABLE_END */
    uint64_t row_count;
    struct hash128 sum;
    uint32_t units_count; /* UNITS blocks of this table */
};

static void skip_tables_without_rows(const struct dump_reader *reader, struct walk *walk)
{
    while (walk->table < reader->schema.table_count
           && !schema_table_has_rows(&reader->schema.tables[walk->table]))
        walk->table++;
}

static bool check_table(const struct dump_reader *reader, const struct walk *walk,
    const struct table_end *end, struct error *err)
{
    bool is_full = reader->header.kind == DUMP_FULL;

    if (is_full && end->change != TABLE_WHOLE)
        return error_set(err, ERROR_CORRUPT, "a full dump that does not hold the whole table");
    if (walk->units_count != (end->change == TABLE_PATCH))
        return error_set(err, ERROR_CORRUPT, "%" PRIu32 " units blocks, expected %d",
            walk->units_count, end->change == TABLE_PATCH);
    if (end->change == TABLE_SAME && reader->block_count[end->table] != 0)
        return error_set(err, ERROR_CORRUPT, "is said to be unchanged but has rows");
    if (end->change == TABLE_WHOLE
        && (walk->row_count != end->row_count || !checksum_equal(walk->sum, end->sum)))
        return error_set(err, ERROR_CORRUPT,
            "the index has %" PRIu64 " rows, its end says %" PRIu64 ", or their sums differ",
            walk->row_count, end->row_count);
    return true;
}

static bool take_table_end(struct dump_reader *reader, struct dump_buffer *buffer, size_t number,
    struct walk *walk, struct error *err)
{
    const struct schema_table *table = &reader->schema.tables[walk->table];
    struct table_end *end = &reader->ends[walk->table];
    struct byte_reader body;

    if (!read_block(reader, number, buffer, NULL, &body, err)
        || !table_end_decode(end, &reader->arena, &body, table->column_count, err))
        return false;
    if (end->table != walk->table)
        return error_set(err, ERROR_CORRUPT, "table end of table %" PRIu32, end->table);
    if (!check_table(reader, walk, end, err))
        return false;
    *walk = (struct walk){.table = walk->table + 1};
    return true;
}

static bool take_rows(
    struct dump_reader *reader, size_t number, struct walk *walk, struct error *err)
{
    const struct index_entry *entry = &reader->index.entries[number];
    size_t *count = &reader->block_count[walk->table];

    if (entry->row_count == 0 || entry->row_count > ROWS_COUNT_MAX)
        return error_set(err, ERROR_CORRUPT, "%" PRIu32 " rows", entry->row_count);
    if (reader->header.kind == DUMP_FULL && entry->removed_count != 0)
        return error_set(err, ERROR_CORRUPT, "removed rows in a full dump");
    if (walk->units_count > 0)
        return error_set(err, ERROR_CORRUPT, "rows after the units of their table");
    if (*count == 0)
        reader->first_block[walk->table] = number;
    if (reader->first_block[walk->table] + *count != number)
        return error_set(err, ERROR_CORRUPT, "the rows of its table do not follow each other");
    (*count)++;
    walk->row_count += entry->row_count;
    walk->sum = checksum_add(walk->sum, entry->sum);
    return true;
}

static bool take_units(struct dump_reader *reader, size_t number, struct walk *walk)
{
    reader->units_block[walk->table] = number;
    walk->units_count++;
    return true;
}

static bool take_entry(struct dump_reader *reader, struct dump_buffer *buffer, size_t number,
    struct walk *walk, struct error *err)
{
    const struct index_entry *entry = &reader->index.entries[number];
    bool belongs_here;

    skip_tables_without_rows(reader, walk);
    belongs_here = walk->table < reader->schema.table_count && entry->table == walk->table;
    switch (entry->type) {
    case BLOCK_ROWS:
        return belongs_here ? take_rows(reader, number, walk, err)
                            : error_set(err, ERROR_CORRUPT,
                                "rows of table %" PRIu32 " are out of order", entry->table);
    case BLOCK_TABLE_END:
        return belongs_here ? take_table_end(reader, buffer, number, walk, err)
                            : error_set(err, ERROR_CORRUPT,
                                "the end of table %" PRIu32 " is out of order", entry->table);
    case BLOCK_UNITS:
        return belongs_here ? take_units(reader, number, walk)
                            : error_set(err, ERROR_CORRUPT, "units are out of order");
    case BLOCK_SCHEMA:
    case BLOCK_INDEX:
    case BLOCK_UNCHANGED:
        return error_set(err, ERROR_CORRUPT, "type %" PRIu32 " is out of place", entry->type);
    default:
        if ((entry->type & BLOCK_OPTIONAL) != 0)
            return true;
        return error_set(err, ERROR_UNSUPPORTED,
            "block type %" PRIu32 ", which this program does not know: use a newer Valise",
            entry->type);
    }
}

static bool read_tables(struct dump_reader *reader, struct dump_buffer *buffer, struct error *err)
{
    struct walk walk = {0};

    for (size_t i = 1; i < reader->index.entry_count; i++)
        if (!take_entry(reader, buffer, i, &walk, err))
            return error_wrap(
                err, "block %zu at byte %" PRIu64, i, reader->index.entries[i].offset);
    skip_tables_without_rows(reader, &walk);
    if (walk.table != reader->schema.table_count)
        return error_set(err, ERROR_CORRUPT, "table \"%s\" has no end",
            reader->schema.tables[walk.table].name.bytes);
    return true;
}

/* A delta that changes nothing: one empty block, and the same state on both sides. */
static bool read_unchanged(
    struct dump_reader *reader, struct dump_buffer *buffer, struct error *err)
{
    struct byte_reader body;

    if (!read_block(reader, 0, buffer, NULL, &body, err))
        return error_wrap(err, "block 0 (unchanged)");
    if (reader->header.kind != DUMP_DELTA || reader->index.entry_count != 1
        || byte_reader_left(&body) != 0
        || memcmp(reader->header.from_state, reader->tail.state_id, SHA256_SIZE) != 0)
        return error_set(err, ERROR_CORRUPT,
            "block 0 says that nothing changed, the rest of the file does not agree");
    reader->is_unchanged = true;
    return true;
}

static bool check_state(const struct dump_reader *reader, struct error *err)
{
#ifndef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    uint8_t state_id[SHA256_SIZE];

    state_compute(state_id, &reader->schema, reader->ends);
    if (memcmp(state_id, reader->tail.state_id, SHA256_SIZE) != 0)
        return error_set(err, ERROR_CORRUPT, "the tables do not add up to the state in the tail");
#else
    (void)reader;
    (void)err;
#endif
    return true;
}

static bool read_contents(struct dump_reader *reader, struct dump_buffer *buffer, struct error *err)
{
    if (reader->index.entries[0].type == BLOCK_UNCHANGED)
        return read_unchanged(reader, buffer, err);
    return read_schema(reader, buffer, err) && read_tables(reader, buffer, err)
           && check_state(reader, err);
}

static bool read_dump(struct dump_reader *reader, struct error *err)
{
    OWNED(dump_buffer) struct dump_buffer buffer = {0};

    if (!read_ends_of_file(reader, err) || !read_index(reader, &buffer, err)
        || !check_frames(reader, err) || !read_contents(reader, &buffer, err))
        return error_wrap(err, "%s", reader->file.path);
    return true;
}

bool dump_reader_open(struct dump_reader *reader, const char *path, struct error *err)
{
    *reader = (struct dump_reader){.file = {.fd = -1}};
    return file_input_open_checked(&reader->file, path, header_check_magic, err)
           && read_dump(reader, err);
}

bool dump_reader_open_file(
    struct dump_reader *reader, const struct file_input *file, struct error *err)
{
    *reader = (struct dump_reader){.file = {.fd = -1}};
    return file_input_again(&reader->file, file, err) && read_dump(reader, err);
}

bool dump_reader_check_digest(const struct dump_reader *reader, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer chunk = {0};
    OWNED(sha256) struct sha256 sha = {0};
    uint64_t end = reader->file.size - TAIL_SIZE;
    uint8_t digest[SHA256_SIZE];

    byte_buffer_reserve(&chunk, DIGEST_CHUNK_SIZE);
    sha256_init(&sha);
    for (uint64_t at = 0; at < end; at += DIGEST_CHUNK_SIZE) {
        size_t size = end - at < DIGEST_CHUNK_SIZE ? (size_t)(end - at) : DIGEST_CHUNK_SIZE;

        if (!stop_check(err) || !file_input_read_at(&reader->file, at, chunk.data, size, err))
            return false;
        sha256_update(&sha, chunk.data, size);
    }
    sha256_final(&sha, digest);
#ifndef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    if (memcmp(digest, reader->tail.digest, SHA256_SIZE) != 0)
        return error_set(err, ERROR_CORRUPT,
            "%s is damaged: its SHA-256 does not match its tail (valise verify says where)",
            reader->file.path);
#endif
    return true;
}
