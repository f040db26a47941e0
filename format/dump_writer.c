#include "format/dump_writer.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/owned.h"
#include "format/checksum.h"
#include "format/state.h"
#include "format/tail.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>

#define WRITE_BACK_SIZE ((uint64_t)4 << 20) /* bytes, after which the disk is given work */

struct dump_writer {
    struct file_output file;
    struct sha256 sha;
    struct dump_index index;
    struct block_codec codec;
    struct byte_buffer raw;
    struct byte_buffer frame;
    const struct schema *schema; /* borrowed */
    struct table_end *ends;      /* owned, by ordinal; without facts */
    uint32_t next_table;         /* ordinal of the next table that needs an end */
    int level;
    uint64_t size;      /* bytes written, held ones included */
    uint64_t sent_size; /* bytes that the disk was told to write */
    uint64_t raw_size;

    /* A delta's bytes are held back until something has changed (SPEC 7.3). */
    bool is_held;
    struct byte_buffer held;
    uint8_t from_state[SHA256_SIZE];
};

void dump_writer_close(struct dump_writer *writer)
{
    if (writer == NULL)
        return;
    file_output_release(&writer->file);
    sha256_release(&writer->sha);
    dump_index_release(&writer->index);
    block_codec_release(&writer->codec);
    byte_buffer_release(&writer->raw);
    byte_buffer_release(&writer->frame);
    byte_buffer_release(&writer->held);
    free(writer->ends);
    free(writer);
}

uint32_t dump_writer_block_count(const struct dump_writer *writer)
{
    return (uint32_t)writer->index.entry_count;
}

const struct dump_index *dump_writer_index(const struct dump_writer *writer)
{
    return &writer->index;
}

const struct table_end *dump_writer_ends(const struct dump_writer *writer)
{
    return writer->ends;
}

uint64_t dump_writer_size(const struct dump_writer *writer)
{
    return writer->size;
}

/* Lets the disk begin, so that little is left for the last sync. It is a hint, without a result. */
static void write_back(struct dump_writer *writer)
{
    if (writer->file.temporary == NULL || writer->size - writer->sent_size < WRITE_BACK_SIZE)
        return;
    (void)sync_file_range(writer->file.fd, (off_t)writer->sent_size,
        (off_t)(writer->size - writer->sent_size), SYNC_FILE_RANGE_WRITE);
    writer->sent_size = writer->size;
}

static bool put_bytes(struct dump_writer *writer, const void *bytes, size_t size, struct error *err)
{
    writer->size += size;
    if (writer->is_held) {
        byte_buffer_put(&writer->held, bytes, size);
        return true;
    }
    sha256_update(&writer->sha, bytes, size);
    if (!file_output_write(&writer->file, bytes, size, err))
        return false;
    write_back(writer);
    return true;
}

/* Something has changed: writes what was held. */
static bool put_held(struct dump_writer *writer, struct error *err)
{
    if (!writer->is_held)
        return true;
    writer->is_held = false;
    sha256_update(&writer->sha, writer->held.data, writer->held.size);
    return file_output_write(&writer->file, writer->held.data, writer->held.size, err);
}

bool dump_writer_append(struct dump_writer *writer, const struct index_entry *entry,
    const struct byte_buffer *frame, struct error *err)
{
    struct index_entry placed = *entry;

    assert(frame->size <= UINT32_MAX);
    if (entry->type == BLOCK_ROWS && !put_held(writer, err))
        return false;
    placed.offset = writer->size;
    placed.frame_size = (uint32_t)frame->size;
    dump_index_append(&writer->index, &placed);
    writer->raw_size += entry->raw_size;
    return put_bytes(writer, frame->data, frame->size, err);
}

/* Compresses writer->raw, which holds block number `number`. */
static void compress(struct dump_writer *writer)
{
    block_compress(&writer->codec, &writer->frame, &writer->raw, writer->level);
}

bool dump_writer_block(struct dump_writer *writer, enum block_type type, uint32_t table,
    const struct byte_buffer *body, struct error *err)
{
    struct index_entry entry = {.type = (uint32_t)type, .table = table};

    block_begin(&writer->raw, type, (uint32_t)writer->index.entry_count);
    byte_buffer_put(&writer->raw, body->data, body->size);
    entry.raw_size = (uint32_t)writer->raw.size;
    entry.checksum = checksum_xxh3(writer->raw.data, writer->raw.size);
    compress(writer);
    return dump_writer_append(writer, &entry, &writer->frame, err);
}

static bool put_start(
    struct dump_writer *writer, const struct dump_writer_options *options, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer body = {0};
    struct header header = {.version = FORMAT_VERSION, .kind = options->kind};
    uint8_t bytes[HEADER_SIZE];

    memcpy(header.from_state, options->from_state, SHA256_SIZE);
    header_encode(bytes, &header);
    if (!put_bytes(writer, bytes, sizeof(bytes), err))
        return false;
    schema_encode(&body, writer->schema);
    if (body.size > SCHEMA_BLOCK_SIZE_MAX - BLOCK_HEAD_SIZE)
        return error_set(err, ERROR_UNSUPPORTED, "the schema needs %zu bytes, a block holds %zu",
            body.size, SCHEMA_BLOCK_SIZE_MAX);
    return dump_writer_block(writer, BLOCK_SCHEMA, INDEX_NO_TABLE, &body, err);
}

bool dump_writer_open(struct dump_writer **out, const struct dump_writer_options *options,
    const struct schema *schema, struct error *err)
{
    struct dump_writer *writer = byte_buffer_calloc(1, sizeof(*writer));

    writer->schema = schema;
    writer->level = options->level;
    writer->is_held = options->kind == DUMP_DELTA;
    memcpy(writer->from_state, options->from_state, SHA256_SIZE);
    writer->ends = byte_buffer_calloc(schema->table_count, sizeof(*writer->ends));
    sha256_init(&writer->sha);
    if (!file_output_open(&writer->file, options->path, err) || !put_start(writer, options, err)) {
        dump_writer_close(writer);
        return false;
    }
    *out = writer;
    return true;
}

/* Leaves writer->next_table at the next table that has rows in a dump. */
static void skip_tables_without_rows(struct dump_writer *writer)
{
    const struct schema *schema = writer->schema;

    while (writer->next_table < schema->table_count
           && !schema_table_has_rows(&schema->tables[writer->next_table]))
        writer->next_table++;
}

bool dump_writer_table_end(
    struct dump_writer *writer, const struct table_end *end, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer body = {0};

    skip_tables_without_rows(writer);
    assert(end->table == writer->next_table && end->table < writer->schema->table_count);
    writer->ends[end->table] = *end;
    writer->ends[end->table].facts = NULL;
    writer->next_table++;
    if (end->change != TABLE_SAME && !put_held(writer, err))
        return false;
    table_end_encode(&body, end);
    return dump_writer_block(writer, BLOCK_TABLE_END, end->table, &body, err);
}

/* Writes the entries [0, count) as INDEX blocks; returns how many in *block_count. */
static bool put_index(struct dump_writer *writer, uint32_t *block_count, struct error *err)
{
    size_t entry_count = writer->index.entry_count;

    *block_count = 0;
    for (size_t first = 0; first < entry_count; first += INDEX_BLOCK_ENTRY_COUNT_MAX) {
        size_t left = entry_count - first;
        uint32_t count =
            left < INDEX_BLOCK_ENTRY_COUNT_MAX ? (uint32_t)left : INDEX_BLOCK_ENTRY_COUNT_MAX;

        block_begin(&writer->raw, BLOCK_INDEX, (uint32_t)entry_count + *block_count);
        dump_index_encode(&writer->raw, &writer->index, first, count);
        writer->raw_size += writer->raw.size;
        compress(writer);
        if (!put_bytes(writer, writer->frame.data, writer->frame.size, err))
            return false;
        (*block_count)++;
    }
    return true;
}

/* Starts again with a file that only says that nothing changed. */
static bool put_unchanged(struct dump_writer *writer, struct error *err)
{
    const struct byte_buffer empty = {0};
    uint8_t header[HEADER_SIZE];

    memcpy(header, writer->held.data, HEADER_SIZE);
    writer->is_held = false;
    writer->size = 0;
    writer->raw_size = 0;
    writer->index.entry_count = 0;
    return put_bytes(writer, header, HEADER_SIZE, err)
           && dump_writer_block(writer, BLOCK_UNCHANGED, INDEX_NO_TABLE, &empty, err);
}

static bool finish(struct dump_writer *writer, const uint8_t state_id[SHA256_SIZE],
    struct dump_writer_result *result, struct error *err)
{
    struct tail tail = {0};
    uint8_t bytes[TAIL_SIZE];

    memcpy(tail.state_id, state_id, SHA256_SIZE);
    tail.index_offset = writer->size;
    if (!put_index(writer, &tail.index_block_count, err))
        return false;
    tail.block_count = (uint32_t)writer->index.entry_count + tail.index_block_count;
    tail.file_size = writer->size + TAIL_SIZE;
    sha256_final(&writer->sha, tail.digest);
    tail_encode(bytes, &tail);
    if (!file_output_write(&writer->file, bytes, sizeof(bytes), err)
        || !file_output_commit(&writer->file, err))
        return false;
    memcpy(result->state_id, tail.state_id, SHA256_SIZE);
    result->file_size = tail.file_size;
    result->raw_size = writer->raw_size;
    result->block_count = tail.block_count;
    return true;
}

bool dump_writer_commit_unchanged(
    struct dump_writer *writer, struct dump_writer_result *result, struct error *err)
{
    assert(writer->is_held);
    return put_unchanged(writer, err) && finish(writer, writer->from_state, result, err);
}

/* A delta without a change, neither of rows nor of the schema, is held back until here. */
bool dump_writer_commit(
    struct dump_writer *writer, struct dump_writer_result *result, struct error *err)
{
    uint8_t state_id[SHA256_SIZE];

    skip_tables_without_rows(writer);
    assert(writer->next_table == writer->schema->table_count);
    state_compute(state_id, writer->schema, writer->ends);
    if (writer->is_held && memcmp(state_id, writer->from_state, SHA256_SIZE) == 0)
        return dump_writer_commit_unchanged(writer, result, err);
    return put_held(writer, err) && finish(writer, state_id, result, err);
}
