/*
 * Checking one block of a dump, and what the blocks of a table add up to.
 */
#ifndef TOOLS_BLOCK_CHECK_H
#define TOOLS_BLOCK_CHECK_H

#include "format/block.h"
#include "format/rows_block.h"
#include "format/rows_total.h"
#include "tools/dump_check.h"

/* What one thread needs. Zero-initialise. */
struct block_check {
    struct block_codec codec;
    struct byte_buffer frame;
    struct byte_buffer raw;
    struct rows_block rows;
    struct rows_total total;
};

void block_check_release(struct block_check *work);

/*
 * Reads and decompresses a block into work->raw, compares it with its index
 * entry, and leaves body over its body. Fails with ERROR_CORRUPT or ERROR_IO.
 */
MUST_CHECK bool block_check_load(struct block_check *work, const struct dump_check *check,
    struct check_block *block, struct byte_reader *body, struct error *err);

/* Checks a data block and adds it to its table. Safe between threads. */
void block_check_run(struct block_check *work, struct dump_check *check, struct check_block *block);

/* Compares what was added up for a table with its TABLE_END. */
void block_check_table(struct dump_check *check, uint32_t table);

#endif
