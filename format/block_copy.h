/*
 * A ROWS block of one dump at another place in another one: its frame is moved
 * where that can be done (SPEC 8.4), else its raw block is compressed again.
 *
 * Every row is decoded and hashed on the way; a block whose rows are not what its
 * index entry says is not copied.
 */
#ifndef FORMAT_BLOCK_COPY_H
#define FORMAT_BLOCK_COPY_H

#include "base/error.h"
#include "format/dump_reader.h"
#include "format/rows_total.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct block_copy_order {
    const struct dump_reader *dump;
    size_t number;        /* of the block in `dump` */
    uint32_t new_table;   /* ordinal of its table */
    int level;            /* where it is compressed again */
    bool is_recompressed; /* always */
    bool is_movable;      /* found by block_copy_load(): the frame is */
};

/*
 * Reads the block, and leaves in *total what its rows add up to. Fails as dump_reader_rows() does,
 * and with ERROR_CORRUPT.
 */
MUST_CHECK bool block_copy_load(struct block_copy_order *order, struct dump_buffer *buffer,
    struct rows_total *total, struct error *err);

/*
 * Makes what was loaded into `buffer` block number `number`: leaves the new frame in buffer->frame,
 * and all of its index entry but offset and frame_size in *entry.
 */
void block_copy_place(const struct block_copy_order *order, uint32_t number,
    struct dump_buffer *buffer, struct index_entry *entry);

#endif
