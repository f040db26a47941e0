/*
 * Reading ROWS blocks: rows of one table, column by column (SPEC 5.2).
 */
#ifndef FORMAT_ROWS_BLOCK_H
#define FORMAT_ROWS_BLOCK_H

#include "base/byte_buffer.h"
#include "base/byte_reader.h"
#include "base/error.h"
#include "format/value.h"

#include <stddef.h>
#include <stdint.h>

#define ROWS_COUNT_MAX ((uint32_t)1 << 24) /* rows of one block, SPEC 9 */

struct rows_column; /* internal */

/* A decoded ROWS block; its bytes are borrowed from the raw block. Zero-initialise. */
struct rows_block {
    uint32_t table;
    uint32_t row_count;
    uint32_t removed_count; /* the first rows; the others are added */
    uint32_t column_count;
    uint32_t next_row;           /* of rows_block_next() */
    struct rows_column *columns; /* owned; reused by the next decode */
    uint32_t columns_allocated;
};

/*
 * Decodes the body of a ROWS block of a table with column_count columns.
 * Every length is checked here, so that reading rows cannot fail.
 * Fails with ERROR_CORRUPT. `body` must outlive the use of the block.
 */
MUST_CHECK bool rows_block_decode(
    struct rows_block *block, struct byte_reader *body, uint32_t column_count, struct error *err);

/*
 * Fills values[0 .. column_count) with the next row; false after the last one.
 * TEXT and BLOB borrow from the raw block.
 */
bool rows_block_next(struct rows_block *block, struct value *values);

/* Appends the canonical form of the next row (SPEC 4.1) to out; false after the last one. */
bool rows_block_append(struct rows_block *block, struct byte_buffer *out);

/*
 * As rows_block_next(), for some columns only, which costs only them; the other values stay as they
 * are. All rows of a block are read with the same columns.
 */
bool rows_block_next_of(
    struct rows_block *block, const uint32_t *columns, size_t count, struct value *values);

/* Starts again with the first row. */
void rows_block_rewind(struct rows_block *block);

void rows_block_release(struct rows_block *block);

#endif
