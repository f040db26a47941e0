#include "format/checksum.h"

#include "base/byte_buffer.h"
#include "base/byte_reader.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

struct hash128 checksum_xxh3(const void *data, size_t size)
{
    XXH128_hash_t hash = XXH3_128bits(data, size);

    return (struct hash128){.low = hash.low64, .high = hash.high64};
}

void checksum_store(uint8_t out[HASH128_SIZE], struct hash128 hash)
{
    byte_buffer_store_u64(out, hash.low);
    byte_buffer_store_u64(out + 8, hash.high);
}

struct hash128 checksum_load(const uint8_t in[HASH128_SIZE])
{
    return (struct hash128){.low = byte_reader_load_u64(in), .high = byte_reader_load_u64(in + 8)};
}
