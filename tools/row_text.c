#include "tools/row_text.h"

#include "base/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void put_hex(struct byte_buffer *out, const struct value *value)
{
    static const char digits[] = "0123456789abcdef";

    byte_buffer_reserve(out, 2 * (size_t)value->size);
    for (uint32_t i = 0; i < value->size; i++) {
        byte_buffer_put_u8(out, (uint8_t)digits[value->bytes[i] >> 4]);
        byte_buffer_put_u8(out, (uint8_t)digits[value->bytes[i] & 15]);
    }
}

/* The shortest of the usual forms that gives the same number; with a point or an exponent. */
static void put_finite(struct byte_buffer *out, double real)
{
    char text[32];

    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, real);
        if (strtod(text, NULL) == real)
            break;
    }
    byte_buffer_put_text(out, text);
    if (strpbrk(text, ".e") == NULL)
        byte_buffer_put_text(out, ".0");
}

/* Is it UTF-8 without characters that a terminal would act on? */
static bool is_plain(const struct value *text)
{
    for (uint32_t i = 0; i < text->size; i++) {
        uint8_t c = text->bytes[i];

        if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
            return false;
        /* U+0080 to U+009F */
        if (c == 0xc2 && i + 1 < text->size && text->bytes[i + 1] < 0xa0)
            return false;
    }
    return utf8_is_valid(text->bytes, text->size);
}

static void put_quoted(struct byte_buffer *out, const struct value *text, char quote)
{
    byte_buffer_put_u8(out, (uint8_t)quote);
    for (uint32_t i = 0; i < text->size; i++) {
        if (text->bytes[i] == (uint8_t)quote)
            byte_buffer_put_u8(out, (uint8_t)quote);
        byte_buffer_put_u8(out, text->bytes[i]);
    }
    byte_buffer_put_u8(out, (uint8_t)quote);
}

/* --- what the formats differ in ------------------------------------------------------- */

/* What stands before and behind bytes in hexadecimal. */
struct row_text_frame {
    const char *before;
    const char *after;
};

struct row_text_form {
    const char *null;
    const char *infinite;
    const char *negative_infinite;
    struct row_text_frame text; /* that cannot be shown */
    struct row_text_frame blob;
};

static const struct row_text_form forms[] = {
    [ROW_TEXT_SQL] = {"NULL", "9e999", "-9e999", {"CAST(X'", "' AS TEXT)"}, {"X'", "'"}},
    [ROW_TEXT_CSV] = {"", "inf", "-inf", {"T'", "'"}, {"X'", "'"}},
    [ROW_TEXT_JSONL] = {"null", "{\"real\": \"inf\"}", "{\"real\": \"-inf\"}",
        {"{\"text\": \"", "\"}"}, {"{\"blob\": \"", "\"}"}},
};

/* --- JSON ------------------------------------------------------------------------------ */

static void put_json_text(struct byte_buffer *out, const uint8_t *bytes, size_t size)
{
    byte_buffer_put_u8(out, '"');
    for (size_t i = 0; i < size; i++) {
        uint8_t c = bytes[i];

        if (c == '"' || c == '\\') {
            byte_buffer_put_u8(out, '\\');
            byte_buffer_put_u8(out, c);
        } else if (c < 0x20 || c == 0x7f) {
            byte_buffer_format(out, "\\u%04x", c);
        } else if (c == 0xc2 && i + 1 < size && bytes[i + 1] < 0xa0) {
            byte_buffer_format(out, "\\u%04x", bytes[++i]);
        } else {
            byte_buffer_put_u8(out, c);
        }
    }
    byte_buffer_put_u8(out, '"');
}

/* A name, in which invalid UTF-8 cannot be told from a question mark. */
static void put_json_name(struct byte_buffer *out, const struct schema_text *name)
{
    const uint8_t *bytes = (const uint8_t *)name->bytes;

    if (utf8_is_valid(bytes, name->size))
        put_json_text(out, bytes, name->size);
    else
        byte_buffer_put_text(out, "\"?\"");
}

/* --- rows ------------------------------------------------------------------------------- */

static void put_bytes(
    struct byte_buffer *out, const struct row_text_frame *frame, const struct value *value)
{
    byte_buffer_put_text(out, frame->before);
    put_hex(out, value);
    byte_buffer_put_text(out, frame->after);
}

static void put_text(struct byte_buffer *out, enum row_text_format format, const struct value *text)
{
    if (format == ROW_TEXT_JSONL && utf8_is_valid(text->bytes, text->size))
        put_json_text(out, text->bytes, text->size);
    else if (format != ROW_TEXT_JSONL && is_plain(text))
        put_quoted(out, text, format == ROW_TEXT_SQL ? '\'' : '"');
    else
        put_bytes(out, &forms[format].text, text);
}

void row_text_value(struct byte_buffer *out, enum row_text_format format, const struct value *value)
{
    const struct row_text_form *form = &forms[format];

    switch (value->class) {
    case VALUE_NULL:
        byte_buffer_put_text(out, form->null);
        return;
    case VALUE_INTEGER:
        byte_buffer_format(out, "%" PRId64, value->integer);
        return;
    case VALUE_REAL:
        if (isinf(value->real))
            byte_buffer_put_text(out, value->real > 0 ? form->infinite : form->negative_infinite);
        else
            put_finite(out, value->real);
        return;
    case VALUE_TEXT:
        put_text(out, format, value);
        return;
    case VALUE_BLOB:
        put_bytes(out, &form->blob, value);
        return;
    }
}

void row_text_heading(struct byte_buffer *out, const struct schema_table *table)
{
    for (uint32_t i = 0; i < table->column_count; i++) {
        const struct schema_text *name = &table->columns[i].name;
        struct value text = {.class = VALUE_TEXT,
            .size = (uint32_t)name->size,
            .bytes = (const uint8_t *)name->bytes};

        byte_buffer_put_text(out, i > 0 ? "," : "");
        row_text_value(out, ROW_TEXT_CSV, &text);
    }
    byte_buffer_put_text(out, "\r\n");
}

static void put_insert(
    struct byte_buffer *out, const struct schema_table *table, const struct value *values)
{
    const char *separator = " (";

    byte_buffer_put_text(out, "INSERT INTO ");
    schema_put_name(out, &table->name);
    for (uint32_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].generated != SCHEMA_GENERATED_NO)
            continue;
        byte_buffer_put_text(out, separator);
        schema_put_name(out, &table->columns[i].name);
        separator = ", ";
    }
    byte_buffer_put_text(out, ") VALUES ");
    separator = "(";
    for (uint32_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].generated != SCHEMA_GENERATED_NO)
            continue;
        byte_buffer_put_text(out, separator);
        row_text_value(out, ROW_TEXT_SQL, &values[i]);
        separator = ", ";
    }
    byte_buffer_put_text(out, ");\n");
}

void row_text_put(struct byte_buffer *out, enum row_text_format format,
    const struct schema_table *table, const struct value *values)
{
    if (format == ROW_TEXT_SQL) {
        put_insert(out, table, values);
        return;
    }
    byte_buffer_put_text(out, format == ROW_TEXT_JSONL ? "{" : "");
    for (uint32_t i = 0; i < table->column_count; i++) {
        byte_buffer_put_text(out, i == 0 ? "" : format == ROW_TEXT_JSONL ? ", " : ",");
        if (format == ROW_TEXT_JSONL) {
            put_json_name(out, &table->columns[i].name);
            byte_buffer_put_text(out, ": ");
        }
        row_text_value(out, format, &values[i]);
    }
    byte_buffer_put_text(out, format == ROW_TEXT_JSONL ? "}\n" : "\r\n");
}

void row_text_tuple(struct byte_buffer *out, const struct value *values, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        byte_buffer_put_text(out, i == 0 ? "(" : ", ");
        row_text_value(out, ROW_TEXT_SQL, &values[i]);
    }
    byte_buffer_put_text(out, ")");
}
