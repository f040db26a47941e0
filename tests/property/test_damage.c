/* Every truncation and every flipped bit of a dump is reported, never accepted. */
#include "base/owned.h"
#include "tests/property/memory_file.h"
#include "tests/property/sample.h"
#include "tests/unit/unit.h"
#include "tools/dump_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MUTATION_COUNT 3000

static struct random_source random_source;
static struct byte_buffer good;
static struct memory_file file;

/* A dump with rows of at most some kilobytes, read into `good`. */
static int make_dump(void **state)
{
    const struct sample_limits limits = {
        .table_count = 3, .column_count = 4, .row_count = 12, .value_size = 40};
    char path[] = "/tmp/test_damage.XXXXXX";
    int fd = mkstemp(path);
    struct error err;
    uint64_t row_count = 0;

    (void)state;
    if (fd < 0)
        return -1;
    close(fd);
    memory_file_open(&file);
    while (row_count < 10 || good.size > 4000) {
        OWNED(sample) struct sample sample = {0};

        sample_make(&sample, &random_source, &limits);
        row_count = 0;
        for (uint32_t i = 0; i < sample.schema.table_count; i++)
            row_count += sample.tables[i].row_count;
        good.size = 0;
        if (!sample_write(&sample, path, 3, 8, &err) || !file_read_all(&good, path, 1000000, &err)
            || !sample_read(&sample, path, &err)) {
            fprintf(stderr, "%s\n", err.text);
            return -1;
        }
    }
    printf("a dump of %zu bytes\n", good.size);
    unlink(path);
    return 0;
}

static int release_dump(void **state)
{
    (void)state;
    byte_buffer_release(&good);
    memory_file_release(&file);
    return 0;
}

static bool is_expected(enum error_kind kind)
{
    return kind == ERROR_NOT_DUMP || kind == ERROR_CORRUPT || kind == ERROR_UNSUPPORTED;
}

/* Fails if the bytes are taken for a dump, by the reader or by the check that goes on. */
static void must_be_refused(const uint8_t *bytes, size_t size, const char *what, size_t where)
{
    OWNED(dump_check) struct dump_check check = {0};
    struct error err;

    memory_file_set(&file, bytes, size);
    if (sample_read(NULL, file.path, &err))
        fail_msg("%s at %zu is accepted", what, where);
    if (!is_expected(err.kind))
        fail_msg("%s at %zu is reported as %d: %s", what, where, (int)err.kind, err.text);
    if (dump_check_run(&check, file.path, 1, NULL, &err) && check.damage_count == 0)
        fail_msg("%s at %zu is whole to valise verify", what, where);
}

static void every_truncation(void **state)
{
    (void)state;
    for (size_t size = 0; size < good.size; size++)
        must_be_refused(good.data, size, "a cut", size);
}

static void every_flipped_bit(void **state)
{
    (void)state;
    for (size_t bit = 0; bit < 8 * good.size; bit++) {
        good.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        must_be_refused(good.data, good.size, "a flipped bit", bit);
        good.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void bytes_appended(void **state)
{
    OWNED(byte_buffer) struct byte_buffer bytes = {0};

    (void)state;
    byte_buffer_put(&bytes, good.data, good.size);
    byte_buffer_put_u8(&bytes, 0);
    must_be_refused(bytes.data, bytes.size, "a byte more", good.size);
    bytes.size = good.size;
    byte_buffer_put(&bytes, good.data, good.size);
    must_be_refused(bytes.data, bytes.size, "the dump twice", good.size);
}

/* Changes the bytes in one to four ways. */
static void mutate(struct byte_buffer *bytes)
{
    size_t times = 1 + random_source_below(&random_source, 4);

    while (times-- > 0 && bytes->size > 0) {
        size_t at = random_source_below(&random_source, bytes->size);
        size_t from = random_source_below(&random_source, bytes->size);
        size_t size = random_source_below(&random_source, bytes->size - (at > from ? at : from));

        switch (random_source_below(&random_source, 4)) {
        case 0: /* one part over another */
            memmove(bytes->data + at, bytes->data + from, size);
            break;
        case 1: /* a part is taken out */
            memmove(bytes->data + at, bytes->data + at + size, bytes->size - at - size);
            bytes->size -= size;
            break;
        case 2: /* noise */
            random_source_fill(&random_source, bytes->data + at, size < 16 ? size : 16);
            break;
        default:
            bytes->data[at] = (uint8_t)random_source_next(&random_source);
            break;
        }
    }
}

static void every_other_mutation(void **state)
{
    (void)state;
    for (size_t i = 0; i < MUTATION_COUNT; i++) {
        OWNED(byte_buffer) struct byte_buffer bytes = {0};

        byte_buffer_put(&bytes, good.data, good.size);
        mutate(&bytes);
        if (bytes.size != good.size || memcmp(bytes.data, good.data, good.size) != 0)
            must_be_refused(bytes.data, bytes.size, "a mutation", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_truncation),
        cmocka_unit_test(every_flipped_bit),
        cmocka_unit_test(bytes_appended),
        cmocka_unit_test(every_other_mutation),
    };

    random_source = random_source_open();
    return cmocka_run_group_tests(tests, make_dump, release_dump);
}
