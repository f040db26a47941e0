/*
 * limit_squash: how long zstd alone needs to squash a chain.
 *
 * Decompresses every block of the dumps of the chain, and compresses the blocks of the
 * squashed dump that are in none of these, at a level, on one core. Only zstd is timed.
 * Prints the result as JSON.
 */
#include "base/byte_buffer.h"
#include "base/error.h"
#include "base/owned.h"
#include "format/dump_reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <zstd.h>

#define CHAIN_COUNT_MAX 1000

struct squash_limit {
    struct dump_reader result; /* owned, like all that follows */
    struct dump_reader chain[CHAIN_COUNT_MAX];
    size_t chain_count;
    ZSTD_CCtx *encoder;
    ZSTD_DCtx *decoder;
    struct byte_buffer frame;
    struct byte_buffer raw;
    uint64_t read_size; /* bytes of raw blocks */
    uint64_t made_size;
    double seconds; /* of CPU */
};

static void squash_limit_release(struct squash_limit *limit)
{
    dump_reader_release(&limit->result);
    for (size_t i = 0; i < limit->chain_count; i++)
        dump_reader_release(&limit->chain[i]);
    ZSTD_freeCCtx(limit->encoder);
    ZSTD_freeDCtx(limit->decoder);
    byte_buffer_release(&limit->frame);
    byte_buffer_release(&limit->raw);
}

static double cpu_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Leaves the raw block in limit->raw; *seconds grows by what zstd took. */
static bool decompress(struct squash_limit *limit, const struct dump_reader *dump,
    const struct index_entry *entry, double *seconds, struct error *err)
{
    size_t size;
    double begin;

    limit->frame.size = 0;
    limit->raw.size = 0;
    byte_buffer_reserve(&limit->frame, entry->frame_size);
    byte_buffer_reserve(&limit->raw, entry->raw_size);
    if (!file_input_read_at(&dump->file, entry->offset, limit->frame.data, entry->frame_size, err))
        return false;
    begin = cpu_seconds();
    size = ZSTD_decompressDCtx(
        limit->decoder, limit->raw.data, entry->raw_size, limit->frame.data, entry->frame_size);
    *seconds += cpu_seconds() - begin;
    return size == entry->raw_size
           || error_set(err, ERROR_CORRUPT, "a frame cannot be decompressed");
}

static bool read_chain(struct squash_limit *limit, struct error *err)
{
    for (size_t i = 0; i < limit->chain_count; i++) {
        const struct dump_reader *dump = &limit->chain[i];

        for (size_t k = 0; k < dump->index.entry_count; k++) {
            const struct index_entry *entry = &dump->index.entries[k];

            if (!decompress(limit, dump, entry, &limit->seconds, err))
                return false;
            limit->read_size += entry->raw_size;
        }
    }
    return true;
}

/* The same rows, in the same order as far as that can be told. */
static bool is_copied(const struct squash_limit *limit, const struct index_entry *entry)
{
    for (size_t i = 0; i < limit->chain_count; i++)
        for (size_t k = 0; k < limit->chain[i].index.entry_count; k++) {
            const struct index_entry *other = &limit->chain[i].index.entries[k];

            if (other->type == entry->type && other->row_count == entry->row_count
                && other->cut == entry->cut && checksum_equal(other->sum, entry->sum))
                return true;
        }
    return false;
}

static bool make_result(struct squash_limit *limit, struct error *err)
{
    for (size_t k = 0; k < limit->result.index.entry_count; k++) {
        const struct index_entry *entry = &limit->result.index.entries[k];
        size_t bound = ZSTD_compressBound(entry->raw_size);
        double ignored = 0;
        double begin;

        if (entry->type == BLOCK_ROWS && is_copied(limit, entry))
            continue;
        if (!decompress(limit, &limit->result, entry, &ignored, err))
            return false;
        limit->frame.size = 0;
        byte_buffer_reserve(&limit->frame, bound);
        begin = cpu_seconds();
        if (ZSTD_isError(ZSTD_compress2(
                limit->encoder, limit->frame.data, bound, limit->raw.data, entry->raw_size)))
            return error_set(err, ERROR_UNSUPPORTED, "a block cannot be compressed");
        limit->seconds += cpu_seconds() - begin;
        limit->made_size += entry->raw_size;
    }
    return true;
}

static bool run(char **arguments, size_t chain_count, struct error *err)
{
    OWNED(squash_limit)
    struct squash_limit limit = {.encoder = ZSTD_createCCtx(), .decoder = ZSTD_createDCtx()};

    ZSTD_CCtx_setParameter(limit.encoder, ZSTD_c_compressionLevel, atoi(arguments[1]));
    ZSTD_CCtx_setParameter(limit.encoder, ZSTD_c_checksumFlag, 1);
    if (!dump_reader_open(&limit.result, arguments[2], err))
        return false;
    for (; limit.chain_count < chain_count; limit.chain_count++)
        if (!dump_reader_open(
                &limit.chain[limit.chain_count], arguments[3 + limit.chain_count], err))
            return false;
    if (!read_chain(&limit, err) || !make_result(&limit, err))
        return false;
    printf("{\"read_bytes\": %" PRIu64 ", \"made_bytes\": %" PRIu64 ", \"cpu_seconds\": %.3f}\n",
        limit.read_size, limit.made_size, limit.seconds);
    return true;
}

int main(int count, char **arguments)
{
    struct error err;

    if (count < 4 || count > 3 + CHAIN_COUNT_MAX) {
        fprintf(stderr, "usage: limit_squash LEVEL SQUASHED DUMP...\n");
        return ERROR_USAGE;
    }
    if (!run(arguments, (size_t)count - 3, &err)) {
        fprintf(stderr, "limit_squash: %s\n", err.text);
        return (int)err.kind;
    }
    return EXIT_SUCCESS;
}
