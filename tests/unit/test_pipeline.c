#include "dump/pipeline.h"

#include "base/owned.h"
#include "format/dump_reader.h"
#include "tests/unit/database_sample.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <unistd.h>

/* A schema with two tables of one column, and a dump of it that is being written. */
struct scene {
    struct schema schema;
    struct dump_writer *writer;
    struct pipeline *pipeline;
};

static void open_scene(struct scene *scene, const char *path, unsigned thread_count)
{
    static struct schema_column column = {.name = {"c", 1}, .type = {"", 0}};
    static struct schema_table tables[] = {
        {.name = {"a", 1}, .kind = SCHEMA_TABLE_ORDINARY, .column_count = 1, .columns = &column},
        {.name = {"b", 1}, .kind = SCHEMA_TABLE_ORDINARY, .column_count = 1, .columns = &column},
    };
    struct dump_writer_options writer = {.path = path, .kind = DUMP_FULL, .level = 1};
    struct pipeline_options options = {.thread_count = thread_count, .level = 1};
    struct error err;

    *scene = (struct scene){.schema = {.encoding = SCHEMA_ENCODING_UTF8,
                                .page_size = 4096,
                                .table_count = 2,
                                .tables = tables}};
    ASSERT_DONE(dump_writer_open(&scene->writer, &writer, &scene->schema, &err), err);
    options.writer = scene->writer;
    options.schema = &scene->schema;
    ASSERT_DONE(pipeline_open(&scene->pipeline, &options, &err), err);
}

static void close_scene(struct scene *scene)
{
    pipeline_close(scene->pipeline);
    dump_writer_close(scene->writer);
}

/* Submits one batch with one row, a text of this size, and counts it in end. */
static bool submit_text(
    struct scene *scene, uint32_t table, size_t size, struct table_end *end, struct error *err)
{
    struct row_batch *batch;
    struct hash128 hash;

    if (!pipeline_begin(scene->pipeline, &batch, err))
        return false;
    assert_int_equal(batch->rows.size, 0);
    if (size > PIPELINE_LARGE_SIZE && !pipeline_allow_large(scene->pipeline, batch, err))
        return false;
    byte_buffer_reserve(&batch->rows, size + 5);
    byte_buffer_put_u8(&batch->rows, VALUE_TEXT);
    byte_buffer_put_u32(&batch->rows, (uint32_t)size);
    memset(batch->rows.data + 5, 'x', size);
    batch->rows.size += size;
    hash = checksum_xxh3(batch->rows.data, batch->rows.size);
    batch->row_count = 1;
    batch->sum = hash;
    batch->cut = hash.low;
    end->row_count++;
    end->sum = checksum_add(end->sum, hash);
    end->size += size + 5;
    return pipeline_submit(scene->pipeline, table, batch, err);
}

static void check_order(const char *path, unsigned thread_count)
{
    struct pipeline_end ends[2] = {
        {.end = {.table = 0, .column_count = 1}}, {.end = {.table = 1, .column_count = 1}}};
    struct dump_writer_result result;
    struct dump_reader reader;
    struct dump_buffer buffer = {0};
    struct scene scene;
    struct value value;
    struct error err;

    open_scene(&scene, path, thread_count);
    /* Sizes that differ much, so that later blocks are done before earlier ones. */
    for (size_t i = 0; i < 40; i++)
        ASSERT_DONE(submit_text(&scene, 0, i % 4 == 0 ? 3000000 + i : i, &ends[0].end, &err), err);
    ASSERT_DONE(pipeline_end_table(scene.pipeline, &ends[0], &err), err);
    ASSERT_DONE(pipeline_end_table(scene.pipeline, &ends[1], &err), err);
    ASSERT_DONE(pipeline_finish(scene.pipeline, &err), err);
    ASSERT_DONE(dump_writer_commit(scene.writer, &result, &err), err);
    close_scene(&scene);

    ASSERT_DONE(dump_reader_open(&reader, path, &err), err);
    assert_int_equal(reader.block_count[0], 40);
    for (size_t i = 0; i < 40; i++) {
        ASSERT_DONE(dump_reader_rows(&reader, reader.first_block[0] + i, &buffer, &err), err);
        assert_true(rows_block_next(&buffer.rows, &value));
        assert_int_equal(value.size, i % 4 == 0 ? 3000000 + i : i);
    }
    assert_true(reader.ends[0].facts[0].text_size_max == 3000036);
    dump_buffer_release(&buffer);
    dump_reader_release(&reader);
}

/* A single thread works where it would wait, with others it helps. */
static void order_is_kept(void **state)
{
    for (unsigned thread_count = 1; thread_count <= 4; thread_count++) {
        char name[] = "0.valise";

        name[0] = (char)('0' + thread_count);
        check_order(database_sample_path(*state, name), thread_count);
    }
}

static void large_batches_follow_each_other(void **state)
{
    struct table_end end = {.column_count = 1};
    struct scene scene;
    struct error err;

    open_scene(&scene, database_sample_path(*state, "x.valise"), 4);
    for (size_t i = 0; i < 6; i++) {
        ASSERT_DONE(submit_text(&scene, 0, PIPELINE_LARGE_SIZE * 2, &end, &err), err);
        ASSERT_DONE(submit_text(&scene, 0, 10, &end, &err), err);
    }
    ASSERT_DONE(pipeline_finish(scene.pipeline, &err), err);
    close_scene(&scene);
    assert_false(database_sample_exists(*state, "x.valise"));
}

static void redirect(const char *path)
{
    int fd = open(path, O_WRONLY);

    assert_int_equal(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
    close(fd);
}

/* The first failure of the writing thread comes back from whatever is called next. */
static void failure_comes_back(void **state)
{
    int output = dup(STDOUT_FILENO);
    struct table_end end = {.column_count = 1};
    struct scene scene;
    struct error err;
    bool done = true;

    (void)state;
    redirect("/dev/null");
    open_scene(&scene, "-", 2);
    redirect("/dev/full");
    for (size_t i = 0; i < 100 && done; i++)
        done = submit_text(&scene, 0, 10, &end, &err);
    if (done)
        done = pipeline_finish(scene.pipeline, &err);
    close_scene(&scene);
    dup2(output, STDOUT_FILENO);
    close(output);
    ASSERT_FAILS(done, err, ERROR_IO, "No space left");
}

static void abandoned(void **state)
{
    struct table_end end = {.column_count = 1};
    struct scene scene;
    struct error err;

    open_scene(&scene, database_sample_path(*state, "x.valise"), 2);
    for (size_t i = 0; i < 3; i++)
        ASSERT_DONE(submit_text(&scene, 0, 3000000, &end, &err), err);
    close_scene(&scene);
    assert_false(database_sample_exists(*state, "x.valise"));
}

#define TEST(function) \
    cmocka_unit_test_setup_teardown(function, database_sample_setup, database_sample_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(order_is_kept),
        TEST(large_batches_follow_each_other),
        TEST(failure_comes_back),
        TEST(abandoned),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
