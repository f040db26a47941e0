/*
 * Writing a dump, from the first byte to the last (SPEC 3).
 *
 * Blocks are given in file order: schema, then for each table its rows and its
 * end. The writer counts, indexes and digests them; nothing seeks, so standard
 * output will do. Release without commit leaves no file.
 */
#ifndef FORMAT_DUMP_WRITER_H
#define FORMAT_DUMP_WRITER_H

#include "base/error.h"
#include "format/block.h"
#include "format/dump_index.h"
#include "format/header.h"
#include "format/schema.h"
#include "format/table_end.h"

struct dump_writer; /* opaque */

struct dump_writer_options {
    const char *path; /* "-" is standard output */
    enum dump_kind kind;
    uint8_t from_state[SHA256_SIZE]; /* deltas */
    int level;                       /* of the blocks that the writer compresses itself */
};

struct dump_writer_result {
    uint8_t state_id[SHA256_SIZE];
    uint64_t file_size; /* bytes */
    uint64_t raw_size;  /* bytes of all raw blocks */
    uint32_t block_count;
};

/* Creates the file aside, writes header and SCHEMA block. Fails with ERROR_IO. */
MUST_CHECK bool dump_writer_open(struct dump_writer **out,
    const struct dump_writer_options *options, const struct schema *schema, struct error *err);

/*
 * Appends a block that was compressed elsewhere. Its number must be the next one
 * (SCHEMA is 0). The entry's offset and frame_size are filled in here.
 */
MUST_CHECK bool dump_writer_append(struct dump_writer *writer, const struct index_entry *entry,
    const struct byte_buffer *frame, struct error *err);

/* Appends a TABLE_END block; every table with rows needs one, in ordinal order. */
MUST_CHECK bool dump_writer_table_end(
    struct dump_writer *writer, const struct table_end *end, struct error *err);

/* Appends a block of this type with the given body (UNITS of a delta). */
MUST_CHECK bool dump_writer_block(struct dump_writer *writer, enum block_type type, uint32_t table,
    const struct byte_buffer *body, struct error *err);

/* Writes index and tail, syncs and publishes the file. Fails with ERROR_IO. */
MUST_CHECK bool dump_writer_commit(
    struct dump_writer *writer, struct dump_writer_result *result, struct error *err);

/* Instead: publishes a delta that says that nothing changed, whatever schema it was opened with. */
MUST_CHECK bool dump_writer_commit_unchanged(
    struct dump_writer *writer, struct dump_writer_result *result, struct error *err);

/* Blocks so far: the number of the next one. */
uint32_t dump_writer_block_count(const struct dump_writer *writer);

/* The blocks so far. Borrowed, valid until the next call. */
const struct dump_index *dump_writer_index(const struct dump_writer *writer);

/* By ordinal, the ends of the tables so far, without facts; the others are zeroed. Borrowed. */
const struct table_end *dump_writer_ends(const struct dump_writer *writer);

/* Bytes written so far. */
uint64_t dump_writer_size(const struct dump_writer *writer);

void dump_writer_close(struct dump_writer *writer);

#endif
