/* The body of a ROWS block; the first byte says how many columns its table has. */
#include "base/owned.h"
#include "format/rows_block.h"
#include "format/rows_encoder.h"
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ROW_COUNT_MAX 100000 /* rows looked at; more take time and show nothing else */

/* Rows that were read can be written, and are the same when read again. */
static void write_again(const struct rows_block *block, const struct byte_buffer *rows)
{
    OWNED(byte_buffer) struct byte_buffer body = {0};
    OWNED(byte_buffer) struct byte_buffer found = {0};
    OWNED(rows_block) struct rows_block again = {0};
    struct rows_encoder *encoder = rows_encoder_open();
    struct value *values = byte_buffer_calloc(block->column_count, sizeof(*values));
    struct rows_input input = {.table = block->table,
        .column_count = block->column_count,
        .row_count = block->row_count,
        .removed_count = block->removed_count,
        .bytes = rows->data,
        .size = rows->size};
    struct byte_reader r;
    struct error err;
    bool done;

    rows_encoder_encode(encoder, &body, &input);
    r = byte_reader_over(body.data, body.size);
    done = rows_block_decode(&again, &r, block->column_count, &err);
    assert(done);
    while (rows_block_next(&again, values))
        for (uint32_t i = 0; i < block->column_count; i++)
            value_encode(&found, &values[i]);
    assert(found.size == rows->size && memcmp(found.data, rows->data, found.size) == 0);
    rows_encoder_close(encoder);
    free(values);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    OWNED(rows_block) struct rows_block block = {0};
    OWNED(byte_buffer) struct byte_buffer rows = {0};
    struct byte_reader r = byte_reader_over(data, size);
    uint32_t column_count = byte_reader_u8(&r);
    struct value *values = byte_buffer_calloc(column_count, sizeof(*values));
    struct error err;

    if (column_count > 0 && rows_block_decode(&block, &r, column_count, &err)
        && block.row_count <= ROW_COUNT_MAX) {
        while (rows.size < (size_t)1 << 26 && rows_block_next(&block, values))
            for (uint32_t i = 0; i < column_count; i++)
                value_encode(&rows, &values[i]);
        if (rows.size < (size_t)1 << 26)
            write_again(&block, &rows);
    }
    free(values);
    return 0;
}
