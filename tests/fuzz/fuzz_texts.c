/* Names and values in SQL, JSON and on a terminal; the first byte says which. */
#include "base/json_writer.h"
#include "base/owned.h"
#include "base/safe_text.h"
#include "base/utf8.h"
#include "postgres/quote.h"
#include "replay/values/json_canonical.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/sql_shape.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void try_quotes(const uint8_t *data, size_t size)
{
    OWNED(byte_buffer) struct byte_buffer text = {0};
    OWNED(byte_buffer) struct byte_buffer name = {0};
    OWNED(byte_buffer) struct byte_buffer literal = {0};
    const char *plain;

    byte_buffer_put(&text, data, size);
    plain = quote_text(&text);
    quote_name(&name, plain);
    sql_shape_check_quoted(&name, '"', plain);
    quote_literal(&literal, plain);
    sql_shape_check_quoted(&literal, '\'', plain);
}

static void try_json(const uint8_t *data, size_t size)
{
    OWNED(byte_buffer) struct byte_buffer out = {0};
    struct json_writer writer = {.out = &out};
    bool is_json;

    json_writer_begin_array(&writer);
    json_writer_bytes(&writer, data, size);
    json_writer_end_array(&writer);
    json_writer_finish(&writer);
    is_json = json_canonical_is_json(out.data, out.size);
    assert(is_json);
}

static void try_canonical(const uint8_t *data, size_t size)
{
    OWNED(byte_buffer) struct byte_buffer out = {0};

    if (json_canonical_append(&out, data, size))
        assert(json_canonical_is_json(data, size));
}

static void try_terminal(const uint8_t *data, size_t size)
{
    OWNED(byte_buffer) struct byte_buffer out = {0};

    safe_text_put(&out, data, size);
    safe_text_quote(&out, data, size);
    assert(utf8_is_valid(out.data, out.size));
    for (size_t i = 0; i < out.size; i++)
        assert(out.data[i] >= 32 && out.data[i] != 127);
    (void)safe_text_width(out.data, out.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const parts[])(const uint8_t *data, size_t size) = {
        try_quotes, try_json, try_canonical, try_terminal};

    if (size > 0)
        parts[data[0] % 4](data + 1, size - 1);
    return 0;
}
