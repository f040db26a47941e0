/*
 * Writing ROWS blocks: where a table is cut (SPEC 8.2), and canonical rows
 * turned into columns (SPEC 5.2).
 */
#ifndef FORMAT_ROWS_ENCODER_H
#define FORMAT_ROWS_ENCODER_H

#include "base/byte_buffer.h"
#include "format/checksum.h"
#include "format/table_end.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHUNK_SIZE_MIN ((size_t)2 << 20) /* canonical bytes */
#define CHUNK_SPREAD ((size_t)2 << 20)   /* how many more on average */
#define CHUNK_SIZE_MAX ((size_t)8 << 20)

/*
 * True if a block ends after a row with this hash and canonical size, when the
 * rows gathered, this one included, have chunk_size bytes. Depends on content
 * only, so that an edit moves no boundary but its neighbours.
 */
static inline bool rows_encoder_block_ends(
    struct hash128 row_hash, size_t row_size, size_t chunk_size)
{
    if (chunk_size < CHUNK_SIZE_MIN)
        return false;
    if (chunk_size >= CHUNK_SIZE_MAX || row_size >= CHUNK_SPREAD)
        return true;
    return (row_hash.low >> 32) < row_size * (((uint64_t)1 << 32) / CHUNK_SPREAD);
}

/* True if rows_encoder_block_ends() depends on the last row's hash. */
static inline bool rows_encoder_needs_hash(size_t chunk_size)
{
    return chunk_size >= CHUNK_SIZE_MIN;
}

/* Hashes of the first rows, where who made the rows left them to who encodes them. */
struct rows_hashes {
    size_t size;        /* canonical bytes of the rows to hash */
    struct hash128 sum; /* their hashes are added to it */
    uint64_t cut;       /* low half of the last one's */
};

/* Rows to encode. In a delta the removed rows come first. */
struct rows_input {
    uint32_t table; /* ordinal */
    uint32_t column_count;
    uint32_t row_count;
    uint32_t removed_count; /* 0 in a full dump */
    const uint8_t *bytes;   /* canonical rows, one after the other; borrowed */
    size_t size;
    struct column_facts *facts; /* of each column: the rows that are not removed are added to them,
                                   or NULL */
    struct rows_hashes *hashes; /* or NULL */
};

struct rows_encoder; /* scratch memory, kept between blocks */

struct rows_encoder *rows_encoder_open(void);
void rows_encoder_close(struct rows_encoder *encoder);

/* Appends the body of a ROWS block. The input is ours and trusted. */
void rows_encoder_encode(
    struct rows_encoder *encoder, struct byte_buffer *out, const struct rows_input *input);

#endif
