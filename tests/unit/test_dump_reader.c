#include "base/owned.h"
#include "format/dump_reader.h"
#include "tests/property/sample.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[] = "/tmp/test_dump_reader.XXXXXX";
static char path[64];
static struct byte_buffer good; /* a dump with rows */

static int make_dump(void **state)
{
    OWNED(sample) struct sample sample = {0};
    struct random_source random = {.state = 7};
    struct sample_limits limits = {
        .table_count = 6, .column_count = 5, .row_count = 30, .value_size = 50};
    struct error err;

    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/dump", folder);
    sample_make(&sample, &random, &limits);
    if (!sample_write(&sample, path, 3, 10, &err) || !sample_read(&sample, path, &err)
        || !file_read_all(&good, path, 10000000, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return -1;
    }
    return 0;
}

static int remove_dump(void **state)
{
    (void)state;
    byte_buffer_release(&good);
    unlink(path);
    return rmdir(folder);
}

static void write_bytes(const uint8_t *bytes, size_t size)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

/* As the corruption table of a real file: what is done to it, and what must be said. */
static const struct {
    const char *name;
    long at; /* from the end if negative */
    uint8_t flip;
    long cut; /* bytes that are left; from the end if negative; 0: all */
    enum error_kind kind;
    const char *words;
} cases[] = {
    {"another magic", 9, 1, 0, ERROR_NOT_DUMP, "begin"},
    {"too short for a magic", 0, 0, 19, ERROR_NOT_DUMP, "begin"},
    {"too short for a header", 0, 0, 127, ERROR_CORRUPT, "truncated"},
    {"only a header", 0, 0, 128, ERROR_CORRUPT, "truncated"},
    {"header", 50, 1, 0, ERROR_CORRUPT, "header is damaged"},
    {"schema", 200, 1, 0, ERROR_CORRUPT, "block 0"},
    {"index", -140, 1, 0, ERROR_CORRUPT, "index block"},
    {"tail", -100, 1, 0, ERROR_CORRUPT, "tail is damaged"},
    {"tail's magic", -1, 1, 0, ERROR_CORRUPT, "truncated"},
    {"no tail", 0, 0, -128, ERROR_CORRUPT, "truncated"},
    {"the last byte is missing", 0, 0, -1, ERROR_CORRUPT, "truncated"},
};

static void damage_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        OWNED(byte_buffer) struct byte_buffer bytes = {0};
        struct error err;

        byte_buffer_put(&bytes, good.data, good.size);
        bytes.data[cases[i].at >= 0 ? (size_t)cases[i].at : bytes.size - (size_t)-cases[i].at] ^=
            cases[i].flip;
        if (cases[i].cut != 0)
            bytes.size =
                cases[i].cut > 0 ? (size_t)cases[i].cut : bytes.size - (size_t)-cases[i].cut;
        write_bytes(bytes.data, bytes.size);
        if (sample_read(NULL, path, &err))
            fail_msg("\"%s\" was accepted", cases[i].name);
        if (err.kind != cases[i].kind || strstr(err.text, cases[i].words) == NULL)
            fail_msg("\"%s\" is reported as %d, \"%s\"", cases[i].name, (int)err.kind, err.text);
    }
}

/* A damaged ROWS block: the dump opens, the block is refused with its number and table. */
static void a_damaged_block_is_named(void **state)
{
    OWNED(dump_reader) struct dump_reader reader = {.file = {.fd = -1}};
    OWNED(dump_buffer) struct dump_buffer buffer = {0};
    OWNED(byte_buffer) struct byte_buffer bytes = {0};
    char words[64];
    struct error err;
    uint32_t table = 0;
    size_t number;

    (void)state;
    write_bytes(good.data, good.size);
    ASSERT_DONE(dump_reader_open(&reader, path, &err), err);
    while (reader.block_count[table] < 2)
        table++;
    number = reader.first_block[table];
    byte_buffer_put(&bytes, good.data, good.size);
    bytes.data[reader.index.entries[number].offset + reader.index.entries[number].frame_size / 2] ^=
        1;
    dump_reader_release(&reader);
    write_bytes(bytes.data, bytes.size);
    ASSERT_DONE(dump_reader_open(&reader, path, &err), err);
    snprintf(words, sizeof(words), "block %zu (table \"", number);
    ASSERT_FAILS(dump_reader_rows(&reader, number, &buffer, &err), err, ERROR_CORRUPT, words);
    ASSERT_FAILS(dump_reader_check_digest(&reader, &err), err, ERROR_CORRUPT, "SHA-256");
    ASSERT_DONE(dump_reader_rows(&reader, number + 1, &buffer, &err), err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damage_is_named),
        cmocka_unit_test(a_damaged_block_is_named),
    };

    return cmocka_run_group_tests(tests, make_dump, remove_dump);
}
