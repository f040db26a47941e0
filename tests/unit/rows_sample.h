/* A full dump of tables "a" and "b", whose rows a test hands to a rows_writer itself. */
#ifndef TESTS_ROWS_SAMPLE_H
#define TESTS_ROWS_SAMPLE_H

#include "format/dump_writer.h"
#include "format/rows_writer.h"
#include "format/schema.h"

struct rows_sample {
    struct schema schema;
    struct dump_writer *writer;
    struct rows_writer *rows;
};

/* Opens the dump; options without writer and schema. */
void rows_sample_open(
    struct rows_sample *sample, const char *path, const struct rows_writer_options *options);

/* Table "a" gets no rows, and table "b" begins. */
void rows_sample_begin_b(struct rows_sample *sample);

/* Publishes the dump. */
void rows_sample_commit(struct rows_sample *sample);

/* Gives everything back, committed or not. */
void rows_sample_close(struct rows_sample *sample);

#endif
