/*
 * Making one ROWS block: batches of rows, or what differs between them and units
 * of a base, become an encoded and compressed block, and facts about its rows. What
 * is made of a lone batch, without a base, is put in the place of its rows.
 */
#ifndef DUMP_BLOCK_MAKER_H
#define DUMP_BLOCK_MAKER_H

#include "base/byte_buffer.h"
#include "base/error.h"
#include "dump/alignment.h"
#include "dump/unit_diff.h"
#include "format/block.h"
#include "format/chain.h"
#include "format/dump_index.h"
#include "format/rows_encoder.h"
#include "format/schema.h"
#include "format/table_end.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Rows of one table on their way; for the caller to fill but for is_large. It may leave the hashes
 * of the first rows to who makes the block, if all rows are submitted.
 */
struct row_batch {
    struct byte_buffer rows; /* canonical */
    uint32_t row_count;
    size_t unhashed_size; /* bytes of the rows that sum and cut do not know */
    struct hash128 sum;
    uint64_t cut;  /* low half of the last row's hash */
    bool is_large; /* more than PIPELINE_LARGE_SIZE bytes */
};

/* One unit of a delta: what units of the base became. */
struct unit_change {
    const struct chain_table *old; /* valid until its table's end is written */
    uint32_t source_first;
    uint32_t source_count;
    struct row_batch *batches[ALIGNMENT_PENDING_MAX]; /* all rows of the new unit */
    uint32_t batch_count;
    struct hash128 sum; /* of the new rows, less that of the old ones */
};

/* What a block is made from. */
struct block_order {
    uint32_t table;  /* ordinal */
    uint32_t number; /* of the block */
    bool is_change;  /* only what differs; else all rows of the one batch */
    bool is_large;   /* has a large batch: memory is given back as soon as possible */
    struct unit_change change;
};

/* A finished block. */
struct made_block {
    struct index_entry entry;
    struct byte_buffer *frame;       /* change_frame, or the rows that the lone batch had */
    struct byte_buffer change_frame; /* owned */
    struct column_facts *facts; /* of its rows but the removed ones; room for the table's columns */
    uint64_t size;              /* canonical bytes of these rows */
};

/* One for each thread; zero-initialise but for the first three. */
struct block_maker {
    const struct schema *schema; /* borrowed */
    int level;
    size_t kept_size; /* bytes of each buffer that are kept for the next block */
    struct rows_encoder *encoder;
    struct block_codec codec;
    struct byte_buffer raw;
    struct unit_diff diff;
};

void block_maker_release(struct block_maker *maker);

/* Fails with what reading the base fails with, or ERROR_UNSUPPORTED when the rows are too large. */
MUST_CHECK bool block_maker_make(struct block_maker *maker, const struct block_order *order,
    struct made_block *block, struct error *err);

#endif
