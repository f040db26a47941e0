#include "format/header.h"

#include "base/byte_buffer.h"
#include "base/byte_reader.h"
#include "format/checksum.h"

#include <inttypes.h>
#include <string.h>

#define SKIPPABLE_MAGIC 0x184d2a5du /* of zstd's skippable frames */
#define CHECKSUM_OFFSET 112

const uint8_t header_magic[FORMAT_MAGIC_SIZE] = {
    0xd6, 'V', 'A', 'L', 'I', 'S', 'E', '\r', '\n', 0x1a, '\n', 0};

/* Offsets, SPEC 3.1. */
enum {
    AT_VERSION = 20,
    AT_REQUIRED = 24,
    AT_OPTIONAL = 32,
    AT_KIND = 40,
    AT_FROM_STATE = 48,
    AT_RESERVED = 80,
};

void header_encode(uint8_t out[HEADER_SIZE], const struct header *header)
{
    memset(out, 0, HEADER_SIZE);
    byte_buffer_store_u32(out, SKIPPABLE_MAGIC);
    byte_buffer_store_u32(out + 4, HEADER_SIZE - 8);
    memcpy(out + FORMAT_MAGIC_OFFSET, header_magic, FORMAT_MAGIC_SIZE);
    byte_buffer_store_u32(out + AT_VERSION, header->version);
    byte_buffer_store_u64(out + AT_REQUIRED, header->required_features);
    byte_buffer_store_u64(out + AT_OPTIONAL, header->optional_features);
    byte_buffer_store_u32(out + AT_KIND, (uint32_t)header->kind);
    memcpy(out + AT_FROM_STATE, header->from_state, SHA256_SIZE);
    checksum_store(out + CHECKSUM_OFFSET, checksum_xxh3(out, CHECKSUM_OFFSET));
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

/* A whole header with a right magic: is it damaged? */
static bool check_integrity(const uint8_t *data, struct error *err)
{
#ifndef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    struct hash128 found = checksum_xxh3(data, CHECKSUM_OFFSET);

    if (!checksum_equal(found, checksum_load(data + CHECKSUM_OFFSET)))
        return error_set(err, ERROR_CORRUPT, "the header is damaged: its checksum does not match");
#endif
    if (byte_reader_load_u32(data) != SKIPPABLE_MAGIC
        || byte_reader_load_u32(data + 4) != HEADER_SIZE - 8)
        return error_set(err, ERROR_CORRUPT, "the header is damaged: it is no skippable frame");
    return true;
}

static bool check_version(const struct header *header, struct error *err)
{
    if (header->version > FORMAT_VERSION)
        return error_set(err, ERROR_UNSUPPORTED,
            "format version %" PRIu32 ", this program reads up to %d: use a newer Valise",
            header->version, FORMAT_VERSION);
    if (header->version == 0)
        return error_set(err, ERROR_CORRUPT, "the header is damaged: format version 0");
    if (header->required_features != 0)
        return error_set(err, ERROR_UNSUPPORTED,
            "needs feature %d, which this program does not know: use a newer Valise",
            __builtin_ctzll(header->required_features));
    return true;
}

/* Says what it is, if it is what is often given instead. */
static bool not_a_dump(const uint8_t *data, size_t size, struct error *err)
{
    static const char database[] = "SQLite format 3"; /* with the NUL */
    static const char custom[] = "PGDMP";

    if (size == 0)
        return error_set(err, ERROR_NOT_DUMP, "not a Valise dump: it is empty (0 bytes)");
    if (size >= sizeof(database) && memcmp(data, database, sizeof(database)) == 0)
        return error_set(err, ERROR_NOT_DUMP,
            "not a Valise dump, but a SQLite database: valise-dump makes a dump of it");
    if (size >= strlen(custom) && memcmp(data, custom, strlen(custom)) == 0)
        return error_set(
            err, ERROR_NOT_DUMP, "not a Valise dump, but one of pg_dump: pg_restore reads it");
    return error_set(
        err, ERROR_NOT_DUMP, "not a Valise dump: it does not begin as those of valise-dump do");
}

bool header_check_magic(const uint8_t *data, size_t size, struct error *err)
{
    return (size >= FORMAT_MAGIC_OFFSET + FORMAT_MAGIC_SIZE
               && memcmp(data + FORMAT_MAGIC_OFFSET, header_magic, FORMAT_MAGIC_SIZE) == 0)
           || not_a_dump(data, size, err);
}

bool header_decode(struct header *out, const uint8_t *data, size_t size, struct error *err)
{
    uint32_t kind;

    if (!header_check_magic(data, size, err))
        return false;
    if (size < HEADER_SIZE)
        return error_set(
            err, ERROR_CORRUPT, "truncated in the header: %zu of %d bytes", size, HEADER_SIZE);
    if (!check_integrity(data, err))
        return false;
    out->version = byte_reader_load_u32(data + AT_VERSION);
    out->required_features = byte_reader_load_u64(data + AT_REQUIRED);
    out->optional_features = byte_reader_load_u64(data + AT_OPTIONAL);
    memcpy(out->from_state, data + AT_FROM_STATE, SHA256_SIZE);
    if (!check_version(out, err))
        return false;
    kind = byte_reader_load_u32(data + AT_KIND);
    if (kind != DUMP_FULL && kind != DUMP_DELTA)
        return error_set(err, ERROR_CORRUPT, "the header is damaged: kind %" PRIu32, kind);
    out->kind = (enum dump_kind)kind;
    if (!is_zero(data + AT_KIND + 4, 4)
        || !is_zero(data + AT_RESERVED, CHECKSUM_OFFSET - AT_RESERVED))
        return error_set(err, ERROR_CORRUPT, "the header is damaged: reserved bytes are not zero");
    if (kind == DUMP_FULL && !is_zero(out->from_state, SHA256_SIZE))
        return error_set(
            err, ERROR_CORRUPT, "the header is damaged: a full dump with a from_state");
    return true;
}
