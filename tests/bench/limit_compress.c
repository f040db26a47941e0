/*
 * limit_compress: how long zstd alone needs for the bytes of a dump.
 *
 * Takes the blocks of a dump file, and compresses each again at a level, on one
 * core. Only compression is timed. Prints the result as JSON.
 */
#include "base/byte_buffer.h"
#include "base/byte_reader.h"
#include "base/error.h"
#include "base/file.h"
#include "base/owned.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <zstd.h>

#define DUMP_SIZE_MAX ((size_t)1 << 40)

struct compression {
    ZSTD_CCtx *encoder; /* owned */
    struct byte_buffer raw;
    struct byte_buffer packed;
    uint64_t raw_size;
    uint64_t packed_size;
    double seconds; /* of CPU */
};

static void compression_release(struct compression *compression)
{
    ZSTD_freeCCtx(compression->encoder);
    byte_buffer_release(&compression->raw);
    byte_buffer_release(&compression->packed);
}

static double cpu_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static bool compress_frame(
    struct compression *compression, const void *frame, size_t size, struct error *err)
{
    unsigned long long raw_size = ZSTD_getFrameContentSize(frame, size);
    size_t bound;
    size_t result;
    double begin;

    if (raw_size >= ZSTD_CONTENTSIZE_ERROR)
        return error_set(err, ERROR_CORRUPT, "a frame does not tell the size of its content");
    bound = ZSTD_compressBound((size_t)raw_size);
    byte_buffer_reserve(&compression->raw, (size_t)raw_size);
    byte_buffer_reserve(&compression->packed, bound);
    result = ZSTD_decompress(compression->raw.data, (size_t)raw_size, frame, size);
    if (result != raw_size)
        return error_set(err, ERROR_CORRUPT, "a frame cannot be decompressed");
    begin = cpu_seconds();
    result = ZSTD_compress2(compression->encoder, compression->packed.data, bound,
        compression->raw.data, (size_t)raw_size);
    compression->seconds += cpu_seconds() - begin;
    if (ZSTD_isError(result))
        return error_set(err, ERROR_UNSUPPORTED, "zstd: %s", ZSTD_getErrorName(result));
    compression->raw_size += raw_size;
    compression->packed_size += result;
    return true;
}

/* The header and the tail of a dump: not compressed. A frame has at least four bytes. */
static bool is_skippable(const uint8_t *frame)
{
    return (byte_reader_load_u32(frame) & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START;
}

static bool compress_file(
    struct compression *compression, const struct byte_buffer *file, struct error *err)
{
    size_t offset = 0;

    while (offset < file->size) {
        const uint8_t *frame = file->data + offset;
        size_t size = ZSTD_findFrameCompressedSize(frame, file->size - offset);

        if (ZSTD_isError(size))
            return error_set(err, ERROR_CORRUPT, "no zstd frame at byte %zu", offset);
        if (!is_skippable(frame) && !compress_frame(compression, frame, size, err))
            return error_wrap(err, "byte %zu", offset);
        offset += size;
    }
    return true;
}

static bool run(const char *level, const char *path, struct error *err)
{
    OWNED(compression) struct compression compression = {.encoder = ZSTD_createCCtx()};
    OWNED(byte_buffer) struct byte_buffer file = {0};

    ZSTD_CCtx_setParameter(compression.encoder, ZSTD_c_compressionLevel, atoi(level));
    ZSTD_CCtx_setParameter(compression.encoder, ZSTD_c_checksumFlag, 1);
    if (!file_read_all(&file, path, DUMP_SIZE_MAX, err) || !compress_file(&compression, &file, err))
        return error_wrap(err, "\"%s\"", path);
    printf("{\"raw_bytes\": %" PRIu64 ", \"packed_bytes\": %" PRIu64 ", \"cpu_seconds\": %.3f}\n",
        compression.raw_size, compression.packed_size, compression.seconds);
    return true;
}

int main(int count, char **arguments)
{
    struct error err;

    if (count != 3) {
        fprintf(stderr, "usage: limit_compress LEVEL DUMP\n");
        return ERROR_USAGE;
    }
    if (!run(arguments[1], arguments[2], &err)) {
        fprintf(stderr, "limit_compress: %s\n", err.text);
        return (int)err.kind;
    }
    return EXIT_SUCCESS;
}
