/* The index: one entry for each block before it (SPEC 5.4). */
#ifndef FORMAT_DUMP_INDEX_H
#define FORMAT_DUMP_INDEX_H

#include "base/byte_buffer.h"
#include "base/byte_reader.h"
#include "base/error.h"
#include "format/checksum.h"

#include <stddef.h>
#include <stdint.h>

#define INDEX_ENTRY_SIZE 72                             /* bytes */
#define INDEX_BLOCK_ENTRY_COUNT_MAX ((uint32_t)1 << 16) /* entries of one INDEX block */
#define INDEX_NO_TABLE 0xffffffffu

struct index_entry {
    uint64_t offset;         /* of the block's frame */
    uint32_t frame_size;     /* bytes */
    uint32_t raw_size;       /* bytes of the raw block */
    uint32_t type;           /* enum block_type, or unknown */
    uint32_t table;          /* ordinal, or INDEX_NO_TABLE */
    uint32_t row_count;      /* ROWS: all its rows */
    uint32_t removed_count;  /* ROWS of a delta */
    struct hash128 sum;      /* ROWS: hashes of the added rows less those of the removed ones */
    struct hash128 checksum; /* XXH3-128 of the raw block */
    uint64_t cut;            /* ROWS: low half of the last row's hash */
};

struct dump_index {
    struct index_entry *entries; /* owned */
    size_t entry_count;
    size_t capacity;
};

void dump_index_release(struct dump_index *index);
void dump_index_append(struct dump_index *index, const struct index_entry *entry);

/* Appends the body of an INDEX block with entries [first, first + count). */
void dump_index_encode(
    struct byte_buffer *out, const struct dump_index *index, size_t first, uint32_t count);

/* Appends the entries of an INDEX block's body to the index. Fails with ERROR_CORRUPT. */
MUST_CHECK bool dump_index_decode(
    struct dump_index *index, struct byte_reader *body, struct error *err);

#endif
