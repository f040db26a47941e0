#include "tools/row_text.h"

#include "base/utf8.h"
#include "tools/sql_name.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void put(struct byte_buffer *out, const char *text)
{
    byte_buffer_put(out, text, strlen(text));
}

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
    put(out, text);
    if (strpbrk(text, ".e") == NULL)
        put(out, ".0");
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

/* --- SQL ---------------------------------------------------------------------------- */

static void put_sql(struct byte_buffer *out, const struct value *value)
{
    switch (value->class) {
    case VALUE_NULL:
        put(out, "NULL");
        return;
    case VALUE_INTEGER:
        byte_buffer_format(out, "%" PRId64, value->integer);
        return;
    case VALUE_REAL:
        if (isinf(value->real))
            put(out, value->real > 0 ? "9e999" : "-9e999");
        else
            put_finite(out, value->real);
        return;
    case VALUE_TEXT:
        if (is_plain(value)) {
            put_quoted(out, value, '\'');
            return;
        }
        put(out, "CAST(X'");
        put_hex(out, value);
        put(out, "' AS TEXT)");
        return;
    case VALUE_BLOB:
        put(out, "X'");
        put_hex(out, value);
        put(out, "'");
        return;
    }
}

/* --- CSV ------------------------------------------------------------------------------ */

static void put_csv(struct byte_buffer *out, const struct value *value)
{
    switch (value->class) {
    case VALUE_NULL:
        return;
    case VALUE_INTEGER:
        byte_buffer_format(out, "%" PRId64, value->integer);
        return;
    case VALUE_REAL:
        if (isinf(value->real))
            put(out, value->real > 0 ? "inf" : "-inf");
        else
            put_finite(out, value->real);
        return;
    case VALUE_TEXT:
        if (is_plain(value)) {
            put_quoted(out, value, '"');
            return;
        }
        put(out, "T'");
        put_hex(out, value);
        put(out, "'");
        return;
    case VALUE_BLOB:
        put(out, "X'");
        put_hex(out, value);
        put(out, "'");
        return;
    }
}

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

/* {"<kind>": "<hex>"} */
static void put_json_bytes(struct byte_buffer *out, const char *kind, const struct value *value)
{
    byte_buffer_format(out, "{\"%s\": \"", kind);
    put_hex(out, value);
    put(out, "\"}");
}

static void put_json(struct byte_buffer *out, const struct value *value)
{
    switch (value->class) {
    case VALUE_NULL:
        put(out, "null");
        return;
    case VALUE_INTEGER:
        byte_buffer_format(out, "%" PRId64, value->integer);
        return;
    case VALUE_REAL:
        if (isinf(value->real))
            put(out, value->real > 0 ? "{\"real\": \"inf\"}" : "{\"real\": \"-inf\"}");
        else
            put_finite(out, value->real);
        return;
    case VALUE_TEXT:
        if (utf8_is_valid(value->bytes, value->size))
            put_json_text(out, value->bytes, value->size);
        else
            put_json_bytes(out, "text", value);
        return;
    case VALUE_BLOB:
        put_json_bytes(out, "blob", value);
        return;
    }
}

/* A name, in which invalid UTF-8 cannot be told from a question mark. */
static void put_json_name(struct byte_buffer *out, const struct schema_text *name)
{
    const uint8_t *bytes = (const uint8_t *)name->bytes;

    if (utf8_is_valid(bytes, name->size))
        put_json_text(out, bytes, name->size);
    else
        put(out, "\"?\"");
}

/* --- rows ------------------------------------------------------------------------------- */

void row_text_value(struct byte_buffer *out, enum row_text_format format, const struct value *value)
{
    switch (format) {
    case ROW_TEXT_SQL:
        put_sql(out, value);
        return;
    case ROW_TEXT_CSV:
        put_csv(out, value);
        return;
    case ROW_TEXT_JSONL:
        put_json(out, value);
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

        put(out, i > 0 ? "," : "");
        put_csv(out, &text);
    }
    put(out, "\r\n");
}

static void put_insert(
    struct byte_buffer *out, const struct schema_table *table, const struct value *values)
{
    const char *separator = " (";

    put(out, "INSERT INTO ");
    sql_name_put(out, &table->name);
    for (uint32_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].generated != SCHEMA_GENERATED_NO)
            continue;
        put(out, separator);
        sql_name_put(out, &table->columns[i].name);
        separator = ", ";
    }
    put(out, ") VALUES ");
    separator = "(";
    for (uint32_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].generated != SCHEMA_GENERATED_NO)
            continue;
        put(out, separator);
        put_sql(out, &values[i]);
        separator = ", ";
    }
    put(out, ");\n");
}

void row_text_put(struct byte_buffer *out, enum row_text_format format,
    const struct schema_table *table, const struct value *values)
{
    if (format == ROW_TEXT_SQL) {
        put_insert(out, table, values);
        return;
    }
    put(out, format == ROW_TEXT_JSONL ? "{" : "");
    for (uint32_t i = 0; i < table->column_count; i++) {
        put(out, i == 0 ? "" : format == ROW_TEXT_JSONL ? ", " : ",");
        if (format == ROW_TEXT_JSONL) {
            put_json_name(out, &table->columns[i].name);
            put(out, ": ");
        }
        row_text_value(out, format, &values[i]);
    }
    put(out, format == ROW_TEXT_JSONL ? "}\n" : "\r\n");
}

void row_text_tuple(struct byte_buffer *out, const struct value *values, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        put(out, i == 0 ? "(" : ", ");
        put_sql(out, &values[i]);
    }
    put(out, ")");
}
