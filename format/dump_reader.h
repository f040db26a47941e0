/*
 * Reading a dump.
 *
 * Opening checks header, tail, index, schema and every TABLE_END, and that they
 * agree with each other and with the state_id; so row counts, sums and facts can
 * be trusted before a row is read. Blocks are then read at random, by any number
 * of threads with a buffer each; every one is compared with the index.
 */
#ifndef FORMAT_DUMP_READER_H
#define FORMAT_DUMP_READER_H

#include "base/error.h"
#include "base/file.h"
#include "format/block.h"
#include "format/dump_index.h"
#include "format/header.h"
#include "format/rows_block.h"
#include "format/schema.h"
#include "format/table_end.h"
#include "format/tail.h"

struct dump_reader {
    struct file_input file;
    struct header header;
    struct tail tail;
    bool is_unchanged; /* a delta that changes nothing, and has neither schema nor tables (SPEC 7.3)
                        */
    struct schema schema;
    struct dump_index index;
    struct table_end *ends; /* by ordinal; of tables without rows zeroed */
    /* The blocks of table t are the index entries [first_block[t], first_block[t] +
       block_count[t]): only ROWS blocks are counted. */
    size_t *first_block;
    size_t *block_count;
    size_t *units_block; /* the number of the table's UNITS block; 0: it has none */
    struct arena arena;
};

/*
 * Opens the dump at path ("-": standard input, copied to a temporary file).
 * Fails with ERROR_IO, ERROR_NOT_DUMP, ERROR_CORRUPT or ERROR_UNSUPPORTED.
 */
MUST_CHECK bool dump_reader_open(struct dump_reader *reader, const char *path, struct error *err);

/* The same for a file that is open already, and stays so. */
MUST_CHECK bool dump_reader_open_file(
    struct dump_reader *reader, const struct file_input *file, struct error *err);

void dump_reader_release(struct dump_reader *reader);

/* Reads the whole file and compares its SHA-256 with the tail. Fails with ERROR_CORRUPT, ERROR_IO,
   ERROR_STOPPED. */
MUST_CHECK bool dump_reader_check_digest(const struct dump_reader *reader, struct error *err);

/* What one thread needs to read blocks. Zero-initialise. */
struct dump_buffer {
    struct block_codec codec;
    struct byte_buffer frame;
    struct byte_buffer raw;
    struct rows_block rows; /* of the last dump_reader_rows(); borrows raw */
};

void dump_buffer_release(struct dump_buffer *buffer);

/*
 * Reads block number `number` and compares it with the index; `body` is left
 * over its body. Valid until the buffer is used again.
 */
MUST_CHECK bool dump_reader_block(const struct dump_reader *reader, size_t number,
    struct dump_buffer *buffer, struct byte_reader *body, struct error *err);

/* Reads a ROWS block into buffer->rows. The error names block and table. */
MUST_CHECK bool dump_reader_rows(
    const struct dump_reader *reader, size_t number, struct dump_buffer *buffer, struct error *err);

/*
 * The same, for a block that is to go to another place: if *is_movable, buffer->frame is left as
 * movable_frame_split() leaves it, and holds the block without its head.
 */
MUST_CHECK bool dump_reader_movable_rows(const struct dump_reader *reader, size_t number,
    struct dump_buffer *buffer, bool *is_movable, struct error *err);

#endif
