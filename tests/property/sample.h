/*
 * A made-up database: schema and rows of every kind that a dump can hold, the
 * odd ones more often than life has them. Zero-initialise.
 */
#ifndef TESTS_SAMPLE_H
#define TESTS_SAMPLE_H

#include "base/arena.h"
#include "base/byte_buffer.h"
#include "base/error.h"
#include "format/dump_reader.h"
#include "format/dump_writer.h"
#include "format/schema.h"
#include "tests/property/random_source.h"

struct sample_table {
    struct byte_buffer rows; /* canonical bytes of all rows, one after the other */
    uint32_t row_count;
    struct hash128 sum;
};

struct sample {
    struct schema schema;
    struct sample_table *tables; /* owned; by ordinal */
};

struct sample_limits {
    uint32_t table_count;
    uint32_t column_count;
    uint32_t row_count;
    uint32_t value_size; /* bytes of a TEXT or BLOB */
};

void sample_release(struct sample *sample);

/* Makes one up. */
void sample_make(
    struct sample *sample, struct random_source *random, const struct sample_limits *limits);

/* Fills rows with row_count random rows of column_count columns. */
void sample_make_rows(struct byte_buffer *rows, struct random_source *random, uint32_t column_count,
    uint32_t row_count, uint32_t value_size);

/* Writes it as a full dump with at most chunk_row_count rows in a block. */
MUST_CHECK bool sample_write(const struct sample *sample, const char *path, int level,
    uint32_t chunk_row_count, struct error *err);

/*
 * Reads the dump with everything that a reader has to check, and compares rows
 * with the sample's; sample NULL: only reads. Fails like dump_reader; ERROR_MISMATCH.
 */
MUST_CHECK bool sample_read(const struct sample *sample, const char *path, struct error *err);

#endif
