#include "format/tail.h"

#include "base/byte_buffer.h"
#include "base/byte_reader.h"
#include "format/checksum.h"
#include "format/header.h"

#include <inttypes.h>
#include <string.h>

#define SKIPPABLE_MAGIC 0x184d2a5eu /* of zstd's skippable frames */

/* Offsets, SPEC 3.3. */
enum {
    AT_INDEX_OFFSET = 8,
    AT_FILE_SIZE = 16,
    AT_BLOCK_COUNT = 24,
    AT_INDEX_BLOCK_COUNT = 28,
    AT_STATE_ID = 32,
    AT_DIGEST = 64,
    AT_CHECKSUM = 96,
    AT_MAGIC = 112,
};

static const uint8_t magic_end[4] = {'T', 'A', 'I', 'L'};

void tail_encode(uint8_t out[TAIL_SIZE], const struct tail *tail)
{
    byte_buffer_store_u32(out, SKIPPABLE_MAGIC);
    byte_buffer_store_u32(out + 4, TAIL_SIZE - 8);
    byte_buffer_store_u64(out + AT_INDEX_OFFSET, tail->index_offset);
    byte_buffer_store_u64(out + AT_FILE_SIZE, tail->file_size);
    byte_buffer_store_u32(out + AT_BLOCK_COUNT, tail->block_count);
    byte_buffer_store_u32(out + AT_INDEX_BLOCK_COUNT, tail->index_block_count);
    memcpy(out + AT_STATE_ID, tail->state_id, SHA256_SIZE);
    memcpy(out + AT_DIGEST, tail->digest, SHA256_SIZE);
    checksum_store(out + AT_CHECKSUM, checksum_xxh3(out, AT_CHECKSUM));
    memcpy(out + AT_MAGIC, header_magic, FORMAT_MAGIC_SIZE);
    memcpy(out + AT_MAGIC + FORMAT_MAGIC_SIZE, magic_end, sizeof(magic_end));
}

static bool check_integrity(const uint8_t data[TAIL_SIZE], struct error *err)
{
    if (memcmp(data + AT_MAGIC, header_magic, FORMAT_MAGIC_SIZE) != 0
        || memcmp(data + AT_MAGIC + FORMAT_MAGIC_SIZE, magic_end, sizeof(magic_end)) != 0)
        return error_set(err, ERROR_CORRUPT,
            "truncated: the tail is missing (the dump or the copy was not finished)");
#ifndef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    if (!checksum_equal(checksum_xxh3(data, AT_CHECKSUM), checksum_load(data + AT_CHECKSUM)))
        return error_set(err, ERROR_CORRUPT, "the tail is damaged: its checksum does not match");
#endif
    if (byte_reader_load_u32(data) != SKIPPABLE_MAGIC
        || byte_reader_load_u32(data + 4) != TAIL_SIZE - 8)
        return error_set(err, ERROR_CORRUPT, "the tail is damaged: it is no skippable frame");
    return true;
}

bool tail_decode(
    struct tail *out, const uint8_t data[TAIL_SIZE], uint64_t file_size, struct error *err)
{
    if (!check_integrity(data, err))
        return false;
    out->index_offset = byte_reader_load_u64(data + AT_INDEX_OFFSET);
    out->file_size = byte_reader_load_u64(data + AT_FILE_SIZE);
    out->block_count = byte_reader_load_u32(data + AT_BLOCK_COUNT);
    out->index_block_count = byte_reader_load_u32(data + AT_INDEX_BLOCK_COUNT);
    memcpy(out->state_id, data + AT_STATE_ID, SHA256_SIZE);
    memcpy(out->digest, data + AT_DIGEST, SHA256_SIZE);
    if (out->file_size != file_size)
        return error_set(err, ERROR_CORRUPT,
            "the file has %" PRIu64 " bytes, its tail says %" PRIu64, file_size, out->file_size);
    if (out->index_offset < HEADER_SIZE || out->index_offset > file_size - TAIL_SIZE)
        return error_set(err, ERROR_CORRUPT,
            "the tail is damaged: the index is said to be at byte %" PRIu64, out->index_offset);
    if (out->index_block_count == 0 || out->index_block_count >= out->block_count)
        return error_set(err, ERROR_CORRUPT,
            "the tail is damaged: %" PRIu32 " blocks, %" PRIu32 " of them index", out->block_count,
            out->index_block_count);
    return true;
}
