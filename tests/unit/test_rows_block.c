#include "base/owned.h"
#include "format/rows_block.h"
#include "tests/unit/unit.h"

/*
 * Bodies by hand, after SPEC 5.2: table 0, rows, removed, one column, and then
 * the column. Each column here belongs to a block of three rows.
 */
static void make_body(struct byte_buffer *out, const char *column, size_t size)
{
    byte_buffer_put_u32(out, 0);
    byte_buffer_put_u32(out, 3);
    byte_buffer_put_u32(out, 1);
    byte_buffer_put_u32(out, 1);
    byte_buffer_put(out, column, size);
}

#define BYTES(text) text, sizeof(text) - 1

static const struct {
    const char *name;
    const char *column;
    size_t size;
    const char *rows; /* canonical */
    size_t rows_size;
} good[] = {
    {"nulls", BYTES("\0"), BYTES("\0\0\0")},
    {"integers 7, 6, 6: first, width 1, deltas -1 and 0",
        BYTES("\1"
              "\7\0\0\0\0\0\0\0"
              "\1"
              "\1\0"),
        BYTES("\1\7\0\0\0\0\0\0\0"
              "\1\6\0\0\0\0\0\0\0"
              "\1\6\0\0\0\0\0\0\0")},
    {"integers 1, 1, 1: no width",
        BYTES("\1"
              "\1\0\0\0\0\0\0\0"
              "\0"),
        BYTES("\1\1\0\0\0\0\0\0\0"
              "\1\1\0\0\0\0\0\0\0"
              "\1\1\0\0\0\0\0\0\0")},
    {"integers in two planes: 0, 256, 0",
        BYTES("\1"
              "\0\0\0\0\0\0\0\0"
              "\2"
              "\0\xff"
              "\2\1"),
        BYTES("\1\0\0\0\0\0\0\0\0"
              "\1\0\1\0\0\0\0\0\0"
              "\1\0\0\0\0\0\0\0\0")},
    {"reals in eight planes",
        BYTES("\2"
              "\0\0\0"
              "\0\0\0"
              "\0\0\0"
              "\0\0\0"
              "\0\0\0"
              "\0\0\0"
              "\xf8\0\0"
              "\x3f\0\x80"),
        BYTES("\2\0\0\0\0\0\0\xf8\x3f"
              "\2\0\0\0\0\0\0\0\0"
              "\2\0\0\0\0\0\0\0\x80")},
    {"texts a, bb, ccc",
        BYTES("\3"
              "\0"
              "\1\0\0\0"
              "\1"
              "\0\1\2"
              "abbccc"),
        BYTES("\3\1\0\0\0a"
              "\3\2\0\0\0bb"
              "\3\3\0\0\0ccc")},
    {"a dictionary of a and bb",
        BYTES("\4"
              "\1"
              "\2\0\0\0"
              "\1\0\0\0"
              "\1"
              "\0\1"
              "abb"
              "\1"
              "\1\0\1"),
        BYTES("\4\2\0\0\0bb"
              "\4\1\0\0\0a"
              "\4\2\0\0\0bb")},
    {"mixed: null, text x, blob x",
        BYTES("\5"
              "\0\3\4"
              "\0"
              "\1\0\0\0"
              "\0"
              "xx"),
        BYTES("\0"
              "\3\1\0\0\0x"
              "\4\1\0\0\0x")},
};

static void decodes_what_the_specification_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        OWNED(byte_buffer) struct byte_buffer body = {0};
        OWNED(byte_buffer) struct byte_buffer rows = {0};
        OWNED(rows_block) struct rows_block block = {0};
        struct byte_reader r;
        struct value value;
        struct error err;

        make_body(&body, good[i].column, good[i].size);
        r = byte_reader_over(body.data, body.size);
        if (!rows_block_decode(&block, &r, 1, &err))
            fail_msg("%s: %s", good[i].name, err.text);
        assert_int_equal(block.row_count, 3);
        assert_int_equal(block.removed_count, 1);
        for (int pass = 0; pass < 2; pass++) {
            rows.size = 0;
            while (rows_block_next(&block, &value))
                value_encode(&rows, &value);
            assert_int_equal(rows.size, good[i].rows_size);
            assert_memory_equal(rows.data, good[i].rows, rows.size);
            rows_block_rewind(&block);
        }
    }
}

static void every_truncation_is_reported(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        OWNED(byte_buffer) struct byte_buffer body = {0};

        make_body(&body, good[i].column, good[i].size);
        byte_buffer_put_u8(&body, 0);
        for (size_t size = 0; size <= body.size; size++) {
            OWNED(rows_block) struct rows_block block = {0};
            struct byte_reader r = byte_reader_over(body.data, size);
            struct error err;

            if (size == body.size - 1)
                continue;
            assert_false(rows_block_decode(&block, &r, 1, &err));
            assert_int_equal(err.kind, ERROR_CORRUPT);
        }
    }
}

static const struct {
    const char *name;
    const char *column;
    size_t size;
} bad[] = {
    {"class 6", BYTES("\6")},
    {"class 5 of a row", BYTES("\5"
                               "\0\0\5")},
    {"width 3", BYTES("\1"
                      "\7\0\0\0\0\0\0\0"
                      "\3"
                      "\0\0\0\0\0\0")},
    {"mode 2", BYTES("\3"
                     "\2"
                     "\0\0\0\0"
                     "\0")},
    {"an empty dictionary", BYTES("\3"
                                  "\1"
                                  "\0\0\0\0"
                                  "\0\0\0\0"
                                  "\0"
                                  "\0")},
    {"more in the dictionary than strings", BYTES("\3"
                                                  "\1"
                                                  "\4\0\0\0"
                                                  "\1\0\0\0"
                                                  "\0"
                                                  "abcd"
                                                  "\1"
                                                  "\0\1\2")},
    {"a dictionary of two empty strings", BYTES("\3"
                                                "\1"
                                                "\2\0\0\0"
                                                "\0\0\0\0"
                                                "\0"
                                                "\1"
                                                "\0\1\1")},
    {"a place beyond the dictionary", BYTES("\3"
                                            "\1"
                                            "\2\0\0\0"
                                            "\1\0\0\0"
                                            "\1"
                                            "\0\1"
                                            "abb"
                                            "\1"
                                            "\2\0\1")},
    {"a size beyond 32 bits", BYTES("\3"
                                    "\0"
                                    "\xff\xff\xff\xff"
                                    "\1"
                                    "\1\0\0"
                                    "abc")},
    {"a size beyond the block", BYTES("\3"
                                      "\0"
                                      "\xff\xff\xff\x7f"
                                      "\0"
                                      "abc")},
};

static void refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        OWNED(byte_buffer) struct byte_buffer body = {0};
        OWNED(rows_block) struct rows_block block = {0};
        struct byte_reader r;
        struct error err;

        make_body(&body, bad[i].column, bad[i].size);
        r = byte_reader_over(body.data, body.size);
        if (rows_block_decode(&block, &r, 1, &err))
            fail_msg("%s is accepted", bad[i].name);
        assert_int_equal(err.kind, ERROR_CORRUPT);
    }
}

static void heads_are_checked(void **state)
{
    static const uint32_t heads[][2] = {{0, 0}, {2, 3}, {ROWS_COUNT_MAX + 1, 0}, {UINT32_MAX, 0}};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        OWNED(byte_buffer) struct byte_buffer body = {0};
        OWNED(rows_block) struct rows_block block = {0};
        struct byte_reader r;
        struct error err;

        make_body(&body, "\0", 1);
        byte_buffer_set_u32(&body, 4, heads[i][0]);
        byte_buffer_set_u32(&body, 8, heads[i][1]);
        r = byte_reader_over(body.data, body.size);
        ASSERT_FAILS(rows_block_decode(&block, &r, 1, &err), err, ERROR_CORRUPT, "rows");
        byte_buffer_set_u32(&body, 4, 3);
        byte_buffer_set_u32(&body, 8, 0);
        r = byte_reader_over(body.data, body.size);
        ASSERT_FAILS(rows_block_decode(&block, &r, 2, &err), err, ERROR_CORRUPT, "columns");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_what_the_specification_says),
        cmocka_unit_test(every_truncation_is_reported),
        cmocka_unit_test(refuses),
        cmocka_unit_test(heads_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
