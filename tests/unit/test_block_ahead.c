/* block_ahead: the same blocks, and the same errors, as when they are read one by one. */
#include "base/owned.h"
#include "format/block_ahead.h"
#include "tests/unit/chain_sample.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCK_COUNT 20

static void write_dump(const char *path)
{
    static int rows[BLOCK_COUNT][2];
    const int *blocks[BLOCK_COUNT + 1] = {NULL};
    uint8_t state[SHA256_SIZE];
    struct error err;

    for (int i = 0; i < BLOCK_COUNT; i++) {
        rows[i][0] = i + 1;
        blocks[i] = rows[i];
    }
    ASSERT_DONE(chain_sample_full(path, blocks, state, &err), err);
}

static void take(struct block_ahead *ahead, const struct dump_reader *dump, size_t number,
    struct dump_buffer *buffer)
{
    struct value value;
    struct error err;

    ASSERT_DONE(block_ahead_take(ahead, dump, number, buffer, &err), err);
    assert_true(rows_block_next(&buffer->rows, &value));
    assert_int_equal(value.integer, number); /* block 0 is the schema, block 1 has row 1 */
    assert_false(rows_block_next(&buffer->rows, &value));
}

static void blocks_come_in_order(void **state)
{
    char path[] = "/tmp/test_block_ahead.XXXXXX";
    OWNED(dump_reader) struct dump_reader dump = {.file = {.fd = -1}};
    OWNED(dump_buffer) struct dump_buffer buffer = {0};
    struct block_ahead *ahead = NULL;
    struct error err;

    (void)state;
    close(mkstemp(path));
    write_dump(path);
    ASSERT_DONE(dump_reader_open(&dump, path, &err), err);
    ASSERT_DONE(block_ahead_open(&ahead, &err), err);
    for (size_t i = BLOCK_COUNT; i > 0; i--)
        block_ahead_announce(ahead, &dump, i);
    for (size_t i = BLOCK_COUNT; i > BLOCK_COUNT / 2; i--)
        take(ahead, &dump, i, &buffer);
    block_ahead_forget(ahead);
    block_ahead_announce(ahead, &dump, 3);
    block_ahead_announce(ahead, &dump, 3);
    take(ahead, &dump, 3, &buffer);
    take(ahead, &dump, 3, &buffer);
    /* Closed while blocks are announced that nobody takes. */
    for (size_t i = 1; i <= BLOCK_COUNT; i++)
        block_ahead_announce(ahead, &dump, i);
    block_ahead_close(ahead);
    unlink(path);
}

static void a_damaged_block_fails_when_its_turn_comes(void **state)
{
    char path[] = "/tmp/test_block_ahead.XXXXXX";
    OWNED(dump_reader) struct dump_reader dump = {.file = {.fd = -1}};
    OWNED(dump_buffer) struct dump_buffer buffer = {0};
    struct block_ahead *ahead = NULL;
    struct error err;

    (void)state;
    close(mkstemp(path));
    write_dump(path);
    ASSERT_DONE(dump_reader_open(&dump, path, &err), err);
    dump.index.entries[2].checksum.low ^= 1;
    ASSERT_DONE(block_ahead_open(&ahead, &err), err);
    for (size_t i = 1; i <= 3; i++)
        block_ahead_announce(ahead, &dump, i);
    take(ahead, &dump, 1, &buffer);
    ASSERT_FAILS(block_ahead_take(ahead, &dump, 2, &buffer, &err), err, ERROR_CORRUPT, "block 2");
    take(ahead, &dump, 3, &buffer);
    block_ahead_close(ahead);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_come_in_order),
        cmocka_unit_test(a_damaged_block_fails_when_its_turn_comes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
