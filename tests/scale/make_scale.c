/*
 * make_scale: dumps at the far end of the format's limits, in a small file.
 *
 *     make_scale blocks COUNT FILE    COUNT blocks of one row each
 *     make_scale rows COUNT FILE      COUNT rows, all alike, in blocks of 2^24
 *     make_scale size BYTES FILE      a table, BYTES of zeros in optional blocks, a table; sparse
 *
 * All are whole: every count, sum and checksum is right.
 */
#include "base/owned.h"
#include "format/dump_writer.h"
#include "format/rows_encoder.h"
#include "tests/scale/sparse_dump.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_OF_BLOCK ((uint64_t)1 << 24) /* SPEC 9 */

struct job {
    struct schema schema;
    struct dump_writer *writer;   /* owned */
    struct rows_encoder *encoder; /* owned */
    struct block_codec codec;
    struct byte_buffer raw;
    struct byte_buffer frame;
    struct column_facts facts;
    struct table_end end;
    uint32_t number; /* of the next block */
};

static void job_release(struct job *job)
{
    dump_writer_close(job->writer);
    rows_encoder_close(job->encoder);
    block_codec_release(&job->codec);
    byte_buffer_release(&job->raw);
    byte_buffer_release(&job->frame);
    schema_release(&job->schema);
}

static bool job_open(struct job *job, const char *path, struct error *err)
{
    struct dump_writer_options options = {.path = path, .kind = DUMP_FULL, .level = 1};
    static const char *const names[] = {"t"};

    sparse_dump_schema(&job->schema, names, 1);
    job->encoder = rows_encoder_open();
    job->end = (struct table_end){.facts = &job->facts, .column_count = 1};
    job->number = 1;
    return dump_writer_open(&job->writer, &options, &job->schema, err);
}

/* Appends the ROWS block whose raw body stands in job->raw behind its head. */
static bool append(
    struct job *job, uint32_t row_count, struct hash128 sum, uint64_t cut, struct error *err)
{
    struct index_entry entry = {.type = BLOCK_ROWS, .row_count = row_count, .sum = sum, .cut = cut};

    entry.raw_size = (uint32_t)job->raw.size;
    entry.checksum = checksum_xxh3(job->raw.data, job->raw.size);
    block_compress(&job->codec, &job->frame, &job->raw, 1);
    job->number++;
    job->end.row_count += row_count;
    job->end.sum = checksum_add(job->end.sum, sum);
    return dump_writer_append(job->writer, &entry, &job->frame, err);
}

static bool make_blocks(struct job *job, uint64_t count, struct error *err)
{
    for (uint64_t i = 0; i < count; i++) {
        OWNED(byte_buffer) struct byte_buffer row = {0};
        struct value value = {.class = VALUE_INTEGER, .integer = (int64_t)i};
        struct rows_input input = {.column_count = 1, .row_count = 1};
        struct hash128 hash;

        byte_buffer_put_u8(&row, VALUE_INTEGER);
        byte_buffer_put_u64(&row, i);
        input.bytes = row.data;
        input.size = row.size;
        hash = checksum_xxh3(row.data, row.size);
        table_end_observe(&job->facts, &value);
        job->end.size += row.size;
        block_begin(&job->raw, BLOCK_ROWS, job->number);
        rows_encoder_encode(job->encoder, &job->raw, &input);
        if (!append(job, 1, hash, hash.low, err))
            return false;
    }
    return true;
}

/* The sum of `count` equal hashes, by doubling. */
static struct hash128 times(struct hash128 hash, uint64_t count)
{
    struct hash128 sum = {0};

    for (; count > 0; count >>= 1) {
        if ((count & 1) != 0)
            sum = checksum_add(sum, hash);
        hash = checksum_add(hash, hash);
    }
    return sum;
}

/* Appends the body of a block of `count` NULLs. */
static void encode_nulls(struct job *job, struct byte_buffer *body, uint32_t count)
{
    OWNED(byte_buffer) struct byte_buffer rows = {0};
    struct rows_input input = {.column_count = 1, .row_count = count, .size = count};

    byte_buffer_reserve(&rows, count);
    memset(rows.data, VALUE_NULL, count);
    input.bytes = rows.data;
    body->size = 0;
    rows_encoder_encode(job->encoder, body, &input);
}

/* Rows of one NULL: a block of them is a few bytes, whatever their number. */
static bool make_rows(struct job *job, uint64_t count, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer body = {0};
    static const uint8_t row[1] = {VALUE_NULL};
    struct hash128 hash = checksum_xxh3(row, sizeof(row));
    uint32_t encoded = 0;

    for (uint64_t left = count; left > 0;) {
        uint32_t part = (uint32_t)(left < ROWS_OF_BLOCK ? left : ROWS_OF_BLOCK);

        if (part != encoded)
            encode_nulls(job, &body, part);
        encoded = part;
        block_begin(&job->raw, BLOCK_ROWS, job->number);
        byte_buffer_put(&job->raw, body.data, body.size);
        if (!append(job, part, times(hash, part), hash.low, err))
            return false;
        left -= part;
    }
    job->facts.class_count[VALUE_NULL] = count;
    job->end.size = count;
    return true;
}

static bool make(const char *kind, uint64_t count, const char *path, struct error *err)
{
    OWNED(job) struct job job = {0};
    struct dump_writer_result result;
    bool (*fill)(struct job *, uint64_t, struct error *) =
        strcmp(kind, "rows") == 0 ? make_rows : make_blocks;

    if (strcmp(kind, "size") == 0)
        return sparse_dump_make(path, count, err);
    return job_open(&job, path, err) && fill(&job, count, err)
           && dump_writer_table_end(job.writer, &job.end, err)
           && dump_writer_commit(job.writer, &result, err);
}

int main(int count, char **arguments)
{
    struct error err;

    if (count != 4) {
        fprintf(stderr, "usage: make_scale blocks|rows|size NUMBER FILE\n");
        return ERROR_USAGE;
    }
    if (!make(arguments[1], strtoull(arguments[2], NULL, 10), arguments[3], &err)) {
        fprintf(stderr, "make_scale: %s\n", err.text);
        return (int)err.kind;
    }
    return EXIT_SUCCESS;
}
