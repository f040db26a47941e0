/*
 * The units of a table (SPEC 7.2): parts that can be decoded alone, each a run of
 * chunks. They say what a state consists of, so that the next delta can be made
 * and a chain be merged without reading what did not change.
 */
#ifndef FORMAT_UNITS_H
#define FORMAT_UNITS_H

#include "base/byte_buffer.h"
#include "base/byte_reader.h"
#include "base/error.h"
#include "format/checksum.h"

#include <stddef.h>
#include <stdint.h>

/* A run of rows as the writer cut them (SPEC 8.2). */
struct chunk {
    uint64_t cut; /* low half of the last row's hash */
    struct hash128 sum;
    uint32_t row_count;
};

struct unit {
    uint32_t source_count; /* units of the state before */
    uint32_t block_count;  /* ROWS blocks of this dump */
    uint32_t chunk_count;  /* 0 with no block: those of the one source */
    /* Where they begin: in the units of the state before, among the table's
       blocks, in units.chunks. */
    uint32_t first_source;
    uint32_t first_block;
    size_t first_chunk;
};

/* All units of one table in one state. Zero-initialise. */
struct units {
    struct unit *units; /* owned */
    uint32_t unit_count;
    uint32_t capacity;
    struct chunk *chunks; /* owned */
    size_t chunk_count;
    size_t chunk_capacity;
};

void units_release(struct units *units);

/* Appends a unit without chunks; its first_... follow from the units before it. */
struct unit *units_append(struct units *units, uint32_t source_count, uint32_t block_count);

/* Appends a chunk to the last unit. */
void units_append_chunk(struct units *units, const struct chunk *chunk);

/* Sum of the rows of one unit, and their number, from its chunks. */
struct hash128 units_sum(const struct units *units, uint32_t unit, uint64_t *row_count);

/* Appends the body of a UNITS block. */
void units_encode(struct byte_buffer *out, uint32_t table, const struct units *units);

/* Decodes one (into zeroed units). Fails with ERROR_CORRUPT. */
MUST_CHECK bool units_decode(
    struct units *out, uint32_t table, struct byte_reader *body, struct error *err);

#endif
