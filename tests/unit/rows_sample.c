#include "tests/unit/rows_sample.h"

#include "tests/unit/chain_sample.h"
#include "tests/unit/unit.h"

void rows_sample_open(
    struct rows_sample *sample, const char *path, const struct rows_writer_options *options)
{
    static const char *const names[] = {"a", "b", NULL};
    const struct dump_writer_options writing = {.path = path, .kind = DUMP_FULL, .level = 1};
    struct rows_writer_options full = *options;
    struct error err;

    chain_sample_schema(&sample->schema, names);
    ASSERT_DONE(dump_writer_open(&sample->writer, &writing, &sample->schema, &err), err);
    full.writer = sample->writer;
    full.schema = &sample->schema;
    full.level = 1;
    ASSERT_DONE(rows_writer_open(&sample->rows, &full, &err), err);
}

void rows_sample_begin_b(struct rows_sample *sample)
{
    struct table_end none = {0};
    struct error err;

    rows_writer_begin(sample->rows, 0);
    ASSERT_DONE(rows_writer_end(sample->rows, &none, NULL, NULL, &err), err);
    rows_writer_begin(sample->rows, 1);
}

void rows_sample_commit(struct rows_sample *sample)
{
    struct dump_writer_result result;
    struct error err;

    ASSERT_DONE(rows_writer_finish(sample->rows, &err), err);
    ASSERT_DONE(dump_writer_commit(sample->writer, &result, &err), err);
}

void rows_sample_close(struct rows_sample *sample)
{
    rows_writer_close(sample->rows);
    dump_writer_close(sample->writer);
    schema_release(&sample->schema);
}
