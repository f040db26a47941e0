/*
 * From rows to the blocks of a dump: rows are gathered into ROWS blocks, which
 * threads encode and compress and which are appended in the order in which they
 * were filled; whole blocks of other dumps are copied, and units of a chain are put
 * together by the threads alone. What is written does not depend on their number.
 *
 * Memory: for each thread the rows of one block and its encoded form, and the rows of two more.
 * Only one block at a time may be larger than usual, by a row that is.
 */
#ifndef FORMAT_ROWS_WRITER_H
#define FORMAT_ROWS_WRITER_H

#include "base/error.h"
#include "format/chain.h"
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
 * To be called before raw blocks of `size` bytes are read, whose rows are given, or merged, next:
 * ends the current block, and if so many bytes are unusual waits until nothing as large is on its
 * way. Fails as what is on its way does.
 */
MUST_CHECK bool rows_writer_expect(struct rows_writer *rows, uint64_t size, struct error *err);

/*
 * Ends the current block and puts a ROWS block of another dump behind it, whose table has the same
 * columns. The dump must outlive its table here. Fails with ERROR_IO, and as block_copy_run() does,
 * possibly in a later call.
 */
MUST_CHECK bool rows_writer_copy(
    struct rows_writer *rows, const struct dump_reader *dump, size_t number, struct error *err);

/*
 * Ends the current block and puts the rows of a unit behind it, which has one chunk: as one block
 * if they fit, and none if there are none. The table must outlive its table here. Fails with
 * ERROR_IO, and as unit_merge_next() does, possibly in a later call.
 */
MUST_CHECK bool rows_writer_merge(
    struct rows_writer *rows, const struct chain_table *table, uint32_t unit, struct error *err);

/* Canonical bytes in the current block. */
size_t rows_writer_size(const struct rows_writer *rows);

/* Blocks of the current table so far, the current one included if it has rows, without merged ones
 * that turn out to be none or many. */
uint32_t rows_writer_block_count(const struct rows_writer *rows);

/* What the blocks of a table add up to: added rows less removed ones, modulo 2^64. */
struct rows_written {
    bool is_whole; /* false: not all of it has been written yet */
    struct hash128 sum;
    uint64_t row_count;
};

/*
 * Ends the table: behind its blocks come `units` (the body of a UNITS block; NULL: none) and
 * TABLE_END. `end` has change, row_count and sum; the rest is found. `written`, unless NULL, is
 * filled in when they are written, in a later call. Fails with ERROR_IO.
 */
MUST_CHECK bool rows_writer_end(struct rows_writer *rows, const struct table_end *end,
    const struct byte_buffer *units, struct rows_written *written, struct error *err);

/* Waits until all is written, after the last table's end. Fails with ERROR_IO. */
MUST_CHECK bool rows_writer_finish(struct rows_writer *rows, struct error *err);

#endif
