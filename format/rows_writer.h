/*
 * From rows to the blocks of a dump: rows are gathered into ROWS blocks, which
 * threads encode and compress and which are appended in the order in which they
 * were filled, and whole blocks of other dumps are copied. What is written does
 * not depend on the number of threads.
 *
 * Memory: for each thread the rows of one block and its encoded form, and the rows of one more.
 */
#ifndef FORMAT_ROWS_WRITER_H
#define FORMAT_ROWS_WRITER_H

#include "base/error.h"
#include "format/dump_reader.h"
#include "format/dump_writer.h"
#include "format/rows_encoder.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROWS_WRITER_THREAD_COUNT_MAX 64u

struct rows_writer; /* opaque */

struct rows_writer_options {
    struct dump_writer *writer;  /* has nothing but its schema; used by us alone until close */
    const struct schema *schema; /* of the writer */
    unsigned thread_count;       /* 1 to ROWS_WRITER_THREAD_COUNT_MAX */
    int level;
    bool is_recompressed; /* also blocks that are copied, which otherwise keep their frames */
};

/* Starts the threads. Fails with ERROR_IO. */
MUST_CHECK bool rows_writer_open(
    struct rows_writer **out, const struct rows_writer_options *options, struct error *err);

/* Stops the threads; what was not appended is dropped. Accepts NULL. */
void rows_writer_close(struct rows_writer *rows);

/* Begins with the table of that ordinal. */
void rows_writer_begin(struct rows_writer *rows, uint32_t table);

/* A row in canonical form, borrowed for the call. */
struct rows_writer_row {
    const uint8_t *bytes;
    size_t size;
    struct hash128 hash;
    bool is_removed; /* deltas only */
};

/*
 * Adds a row to the table's current block, which ends by itself only when it
 * becomes too large. Fails with ERROR_IO.
 */
MUST_CHECK bool rows_writer_add(
    struct rows_writer *rows, const struct rows_writer_row *row, struct error *err);

/* Ends the current block, if it has rows. Fails with ERROR_IO. */
MUST_CHECK bool rows_writer_cut(struct rows_writer *rows, struct error *err);

/*
 * Ends the current block and puts a ROWS block of another dump behind it, whose table has the same
 * columns. The dump must outlive its table here. Fails with ERROR_IO, and as block_copy_run() does,
 * possibly in a later call.
 */
MUST_CHECK bool rows_writer_copy(
    struct rows_writer *rows, const struct dump_reader *dump, size_t number, struct error *err);

/* Canonical bytes in the current block. */
size_t rows_writer_size(const struct rows_writer *rows);

/* Blocks of the current table so far, the current one included if it has rows. */
uint32_t rows_writer_block_count(const struct rows_writer *rows);

/*
 * Ends the table: waits for its blocks, then writes `units` (the body of a UNITS block; NULL:
 * none) and TABLE_END. `end` has change, row_count and sum; the rest is filled in. Fails with
 * ERROR_IO.
 */
MUST_CHECK bool rows_writer_end(struct rows_writer *rows, struct table_end *end,
    const struct byte_buffer *units, struct error *err);

#endif
