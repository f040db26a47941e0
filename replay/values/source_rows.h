/*
 * The rows of one table of a dump, one after the other: of a delta the added
 * ones, unless the removed ones are asked for.
 */
#ifndef REPLAY_SOURCE_ROWS_H
#define REPLAY_SOURCE_ROWS_H

#include "base/error.h"
#include "format/dump_reader.h"

#include <stddef.h>
#include <stdint.h>

enum source_rows_part {
    SOURCE_ROWS_ADDED, /* all rows of a full dump */
    SOURCE_ROWS_REMOVED,
};

struct source_rows {
    const struct dump_reader *reader; /* borrowed */
    struct dump_buffer buffer;
    struct value *values; /* owned; the table's columns */
    size_t next_block;
    size_t end_block;
    bool is_in_block;
    enum source_rows_part part; /* may be set after begin */
    uint64_t row_number;        /* of the last row, from 1, counted from the range's start */
};

/* All rows of the table; or those of `count` blocks from number `first`. Buffers are kept. */
void source_rows_begin(
    struct source_rows *rows, const struct dump_reader *reader, uint32_t ordinal);
void source_rows_begin_blocks(struct source_rows *rows, const struct dump_reader *reader,
    uint32_t ordinal, size_t first, size_t count);

/* *values is NULL after the last row; else valid until the next call. Fails as dump_reader_rows. */
MUST_CHECK bool source_rows_next(
    struct source_rows *rows, const struct value **values, struct error *err);

void source_rows_release(struct source_rows *rows);

/* The ordinal of a table, or of a column of it, by exact name; UINT32_MAX: there is none. */
uint32_t source_rows_table(const struct dump_reader *reader, const char *name);
uint32_t source_rows_column(const struct schema_table *table, const char *name);

#endif
