#include "tests/scale/sparse_dump.h"

#include "base/owned.h"
#include "format/block.h"
#include "format/dump_index.h"
#include "format/header.h"
#include "format/rows_encoder.h"
#include "format/state.h"
#include "format/table_end.h"
#include "format/tail.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#define FILLER_TYPE (BLOCK_OPTIONAL | 0x5ca1e)
#define FILLER_SIZE ((size_t)64 << 20) /* bytes of a raw block */
#define ZSTD_BLOCK_SIZE ((size_t)128 << 10)
#define ROW_COUNT 3

struct sparse {
    int fd; /* owned */
    uint64_t size;
    struct sha256 sha;
    struct dump_index index;
    struct block_codec codec;
    struct byte_buffer raw;
    struct byte_buffer frame;
    uint8_t *filler; /* owned: a raw block */
};

static void sparse_release(struct sparse *sparse)
{
    if (sparse->fd >= 0)
        close(sparse->fd);
    sha256_release(&sparse->sha);
    dump_index_release(&sparse->index);
    block_codec_release(&sparse->codec);
    byte_buffer_release(&sparse->raw);
    byte_buffer_release(&sparse->frame);
    free(sparse->filler);
}

static bool put(struct sparse *sparse, const void *bytes, size_t size, struct error *err)
{
    sha256_update(&sparse->sha, bytes, size);
    if (pwrite(sparse->fd, bytes, size, (off_t)sparse->size) != (ssize_t)size)
        return error_set_errno(err, "cannot write");
    sparse->size += size;
    return true;
}

/* Leaves a hole, which reads as zeros. */
static void put_zeros(struct sparse *sparse, const uint8_t *zeros, size_t size)
{
    sha256_update(&sparse->sha, zeros, size);
    sparse->size += size;
}

/* --- schema ----------------------------------------------------------------------------- */

void sparse_dump_schema(struct schema *schema, const char *const *names, size_t count)
{
    *schema = (struct schema){.encoding = SCHEMA_ENCODING_UTF8, .page_size = 4096};
    schema->table_count = schema->entry_count = (uint32_t)count;
    schema->tables = arena_alloc(&schema->arena, count, sizeof(*schema->tables));
    schema->entries = arena_alloc(&schema->arena, count, sizeof(*schema->entries));
    for (size_t i = 0; i < count; i++) {
        struct schema_table *table = &schema->tables[i];
        struct schema_entry *entry = &schema->entries[i];
        char sql[64];

        snprintf(sql, sizeof(sql), "CREATE TABLE %s (id INTEGER)", names[i]);
        table->name = schema_text_of(&schema->arena, names[i], strlen(names[i]));
        table->kind = SCHEMA_TABLE_ORDINARY;
        table->column_count = 1;
        table->columns = arena_alloc(&schema->arena, 1, sizeof(*table->columns));
        table->columns[0].name = schema_text_of(&schema->arena, "id", 2);
        table->columns[0].type = schema_text_of(&schema->arena, "INTEGER", 7);
        entry->type = SCHEMA_ENTRY_TABLE;
        entry->name = entry->table = table->name;
        entry->has_sql = true;
        entry->sql = schema_text_of(&schema->arena, sql, strlen(sql));
    }
}

/* --- blocks ----------------------------------------------------------------------------- */

/* Writes sparse->raw, a raw block, as a frame. */
static bool put_block(struct sparse *sparse, struct index_entry entry, struct error *err)
{
    entry.offset = sparse->size;
    entry.raw_size = (uint32_t)sparse->raw.size;
    entry.checksum = checksum_xxh3(sparse->raw.data, sparse->raw.size);
    block_compress(&sparse->codec, &sparse->frame, &sparse->raw, 1);
    entry.frame_size = (uint32_t)sparse->frame.size;
    if (entry.type != BLOCK_INDEX)
        dump_index_append(&sparse->index, &entry);
    return put(sparse, sparse->frame.data, sparse->frame.size, err);
}

static bool put_schema(struct sparse *sparse, const struct schema *schema, struct error *err)
{
    block_begin(&sparse->raw, BLOCK_SCHEMA, 0);
    schema_encode(&sparse->raw, schema);
    return put_block(
        sparse, (struct index_entry){.type = BLOCK_SCHEMA, .table = INDEX_NO_TABLE}, err);
}

static void begin_block(struct sparse *sparse, enum block_type type)
{
    block_begin(&sparse->raw, type, (uint32_t)sparse->index.entry_count);
}

static bool put_table(struct sparse *sparse, struct table_end *end, struct error *err)
{
    struct rows_encoder *encoder = rows_encoder_open();
    OWNED(byte_buffer) struct byte_buffer rows = {0};
    struct rows_input input = {.table = end->table, .column_count = 1, .row_count = ROW_COUNT};
    struct hash128 hash = {0};

    for (int64_t i = 0; i < ROW_COUNT; i++) {
        struct value value = {.class = VALUE_INTEGER, .integer = i};

        byte_buffer_put_u8(&rows, VALUE_INTEGER);
        byte_buffer_put_u64(&rows, (uint64_t)i);
        hash = checksum_xxh3(rows.data + rows.size - 9, 9);
        end->sum = checksum_add(end->sum, hash);
        table_end_observe(end->facts, &value);
    }
    end->row_count = ROW_COUNT;
    end->size = input.size = rows.size;
    input.bytes = rows.data;
    begin_block(sparse, BLOCK_ROWS);
    rows_encoder_encode(encoder, &sparse->raw, &input);
    rows_encoder_close(encoder);
    if (!put_block(sparse,
            (struct index_entry){.type = BLOCK_ROWS,
                .table = end->table,
                .row_count = ROW_COUNT,
                .sum = end->sum,
                .cut = hash.low},
            err))
        return false;
    begin_block(sparse, BLOCK_TABLE_END);
    table_end_encode(&sparse->raw, end);
    return put_block(
        sparse, (struct index_entry){.type = BLOCK_TABLE_END, .table = end->table}, err);
}

/* --- filling ---------------------------------------------------------------------------- */

/* A zstd frame that stores an optional block of zeros without compressing it (RFC 8878, 3.1.1). */
static bool put_filler(struct sparse *sparse, struct error *err)
{
    static const uint8_t start[] = {0x28, 0xb5, 0x2f, 0xfd, 0xa4};
    struct index_entry entry = {.offset = sparse->size,
        .raw_size = FILLER_SIZE,
        .type = FILLER_TYPE,
        .table = INDEX_NO_TABLE};
    OWNED(byte_buffer) struct byte_buffer head = {0};

    byte_buffer_put_u32(&head, FILLER_TYPE);
    byte_buffer_put_u32(&head, (uint32_t)sparse->index.entry_count);
    memcpy(sparse->filler, head.data, head.size);
    entry.checksum = checksum_xxh3(sparse->filler, FILLER_SIZE);
    head.size = 0;
    byte_buffer_put(&head, start, sizeof(start));
    byte_buffer_put_u32(&head, FILLER_SIZE);
    for (size_t at = 0; at < FILLER_SIZE; at += ZSTD_BLOCK_SIZE) {
        bool is_last = at + ZSTD_BLOCK_SIZE == FILLER_SIZE;
        size_t kept = at == 0 ? BLOCK_HEAD_SIZE : 0;
        uint32_t bits = (uint32_t)(is_last | ZSTD_BLOCK_SIZE << 3);

        byte_buffer_put_u8(&head, (uint8_t)bits);
        byte_buffer_put_u8(&head, (uint8_t)(bits >> 8));
        byte_buffer_put_u8(&head, (uint8_t)(bits >> 16));
        byte_buffer_put(&head, sparse->filler + at, kept);
        if (!put(sparse, head.data, head.size, err))
            return false;
        put_zeros(sparse, sparse->filler + BLOCK_HEAD_SIZE, ZSTD_BLOCK_SIZE - kept);
        head.size = 0;
    }
    byte_buffer_put_u32(&head, (uint32_t)XXH64(sparse->filler, FILLER_SIZE, 0));
    if (!put(sparse, head.data, head.size, err))
        return false;
    entry.frame_size = (uint32_t)(sparse->size - entry.offset);
    dump_index_append(&sparse->index, &entry);
    return true;
}

/* --- the whole -------------------------------------------------------------------------- */

static bool put_end(struct sparse *sparse, const struct schema *schema,
    const struct table_end *ends, struct error *err)
{
    struct tail tail = {.index_offset = sparse->size, .index_block_count = 1};
    uint8_t bytes[TAIL_SIZE];

    begin_block(sparse, BLOCK_INDEX);
    dump_index_encode(&sparse->raw, &sparse->index, 0, (uint32_t)sparse->index.entry_count);
    if (!put_block(sparse, (struct index_entry){.type = BLOCK_INDEX}, err))
        return false;
    state_compute(tail.state_id, schema, ends);
    tail.block_count = (uint32_t)sparse->index.entry_count + 1;
    tail.file_size = sparse->size + TAIL_SIZE;
    sha256_final(&sparse->sha, tail.digest);
    tail_encode(bytes, &tail);
    if (pwrite(sparse->fd, bytes, TAIL_SIZE, (off_t)sparse->size) != TAIL_SIZE)
        return error_set_errno(err, "cannot write");
    return true;
}

bool sparse_dump_make(const char *path, uint64_t size, struct error *err)
{
    static const char *const names[] = {"first", "last"};
    OWNED(sparse) struct sparse sparse = {.fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600)};
    OWNED(schema) struct schema schema = {0};
    struct header header = {.version = FORMAT_VERSION, .kind = DUMP_FULL};
    struct column_facts facts[2] = {0};
    struct table_end ends[2] = {{.facts = &facts[0], .column_count = 1},
        {.table = 1, .facts = &facts[1], .column_count = 1}};
    uint8_t bytes[HEADER_SIZE];

    if (sparse.fd < 0)
        return error_set_errno(err, "cannot create \"%s\"", path);
    sparse.filler = byte_buffer_calloc(1, FILLER_SIZE);
    sparse_dump_schema(&schema, names, 2);
    sha256_init(&sparse.sha);
    header_encode(bytes, &header);
    if (!put(&sparse, bytes, HEADER_SIZE, err) || !put_schema(&sparse, &schema, err)
        || !put_table(&sparse, &ends[0], err))
        return false;
    for (uint64_t end = sparse.size + size; sparse.size < end;)
        if (!put_filler(&sparse, err))
            return false;
    return put_table(&sparse, &ends[1], err) && put_end(&sparse, &schema, ends, err);
}
