#include "base/owned.h"
#include "format/dump_writer.h"
#include "tests/property/sample.h"
#include "tests/unit/temporary_folder.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void make(struct sample *sample, uint64_t seed)
{
    struct random_source random = {.state = seed};
    struct sample_limits limits = {
        .table_count = 4, .column_count = 5, .row_count = 30, .value_size = 50};

    sample_make(sample, &random, &limits);
}

static void writing_twice_gives_equal_bytes(void **state)
{
    const char *path = temporary_folder_path("dump");

    (void)state;
    for (uint64_t seed = 1; seed < 20; seed++) {
        OWNED(sample) struct sample sample = {0};
        OWNED(byte_buffer) struct byte_buffer first = {0};
        OWNED(byte_buffer) struct byte_buffer second = {0};
        struct error err;

        make(&sample, seed);
        ASSERT_DONE(sample_write(&sample, path, 3, 10, &err), err);
        ASSERT_DONE(file_read_all(&first, path, 10000000, &err), err);
        ASSERT_DONE(sample_write(&sample, path, 3, 10, &err), err);
        ASSERT_DONE(file_read_all(&second, path, 10000000, &err), err);
        assert_int_equal(first.size, second.size);
        assert_memory_equal(first.data, second.data, first.size);
        unlink(path);
    }
}

static void the_state_does_not_depend_on_level_and_blocks(void **state)
{
    const char *path = temporary_folder_path("dump");

    (void)state;
    for (uint64_t seed = 1; seed < 20; seed++) {
        OWNED(sample) struct sample sample = {0};
        OWNED(dump_reader) struct dump_reader first = {.file = {.fd = -1}};
        OWNED(dump_reader) struct dump_reader second = {.file = {.fd = -1}};
        struct error err;

        make(&sample, seed);
        ASSERT_DONE(sample_write(&sample, path, BLOCK_LEVEL_MIN, 1, &err), err);
        ASSERT_DONE(dump_reader_open(&first, path, &err), err);
        ASSERT_DONE(sample_write(&sample, path, 9, 1000, &err), err);
        ASSERT_DONE(dump_reader_open(&second, path, &err), err);
        assert_memory_equal(first.tail.state_id, second.tail.state_id, SHA256_SIZE);
        unlink(path);
    }
}

static void what_is_not_committed_leaves_nothing(void **state)
{
    const char *path = temporary_folder_path("dump");
    OWNED(sample) struct sample sample = {0};
    struct dump_writer_options options = {.path = path, .kind = DUMP_FULL, .level = 3};
    struct dump_writer *writer = NULL;
    struct error err;

    (void)state;
    make(&sample, 1);
    ASSERT_DONE(dump_writer_open(&writer, &options, &sample.schema, &err), err);
    assert_true(dump_writer_size(writer) > HEADER_SIZE);
    dump_writer_close(writer);
    assert_int_equal(access(path, F_OK), -1);
    dump_writer_close(NULL);
}

static void a_missing_folder_is_reported(void **state)
{
    OWNED(sample) struct sample sample = {0};
    struct error err;

    (void)state;
    make(&sample, 1);
    ASSERT_FAILS(
        sample_write(&sample, "/nonexistent/dump", 3, 10, &err), err, ERROR_IO, "/nonexistent");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writing_twice_gives_equal_bytes),
        cmocka_unit_test(the_state_does_not_depend_on_level_and_blocks),
        cmocka_unit_test(what_is_not_committed_leaves_nothing),
        cmocka_unit_test(a_missing_folder_is_reported),
    };

    return cmocka_run_group_tests(tests, temporary_folder_make, temporary_folder_remove);
}
