#include "tools/text_table.h"

#include "base/owned.h"
#include "base/safe_text.h"
#include "watch/amount_text.h"

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void text_table_release(struct text_table *table)
{
    free(table->cells);
    arena_release(&table->arena);
    *table = (struct text_table){0};
}

static void append(struct text_table *table, const char *cell)
{
    /* Doubled whenever the count is a power of two. */
    if ((table->cell_count & (table->cell_count - 1)) == 0)
        table->cells = byte_buffer_realloc(
            table->cells, (table->cell_count == 0 ? 1 : table->cell_count * 2) * sizeof(cell));
    table->cells[table->cell_count++] = cell;
}

void text_table_cell(struct text_table *table, const char *fmt, ...)
{
    char text[256];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    append(table, arena_text(&table->arena, text));
}

void text_table_text(struct text_table *table, const char *bytes, size_t size)
{
    append(table, arena_copy(&table->arena, bytes, size));
}

static bool is_plain(const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)bytes[i];
        bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
                       || c == '_' || c >= 0x80;

        if (!is_word)
            return false;
    }
    return size > 0;
}

void text_table_name(struct text_table *table, const char *bytes, size_t size)
{
    OWNED(byte_buffer) struct byte_buffer safe = {0};

    if (is_plain(bytes, size))
        safe_text_put(&safe, bytes, size);
    else
        safe_text_quote(&safe, bytes, size);
    text_table_text(table, (const char *)safe.data, safe.size);
}

void text_table_size(struct text_table *table, uint64_t size)
{
    char text[AMOUNT_TEXT_ROOM];

    text_table_cell(table, "%s", amount_text_size(text, size));
}

static void put_cell(struct byte_buffer *out, const char *cell, size_t width, bool is_right)
{
    size_t taken = safe_text_width(cell, strlen(cell));
    size_t blank_count = taken < width ? width - taken : 0;

    for (size_t i = 0; is_right && i < blank_count; i++)
        byte_buffer_put_u8(out, ' ');
    byte_buffer_put_text(out, cell);
    for (size_t i = 0; !is_right && i < blank_count; i++)
        byte_buffer_put_u8(out, ' ');
}

static void put_row(struct byte_buffer *out, const struct text_table *table,
    const char *const *cells, const size_t *widths, size_t column_count)
{
    for (size_t i = 0; i < column_count; i++) {
        bool is_right = table->headings[i][0] == '>';
        const char *cell = cells == table->headings ? cells[i] + (is_right ? 1 : 0) : cells[i];

        put_cell(out, cell, widths[i], is_right);
        if (i + 1 < column_count)
            byte_buffer_put(out, "  ", 2);
    }
    while (out->size > 0 && out->data[out->size - 1] == ' ')
        out->size--;
    byte_buffer_put_u8(out, '\n');
}

void text_table_put(struct byte_buffer *out, const struct text_table *table, const char *indent)
{
    size_t column_count = 0;
    size_t *widths;

    while (table->headings[column_count] != NULL)
        column_count++;
    assert(column_count > 0);
    widths = byte_buffer_calloc(column_count, sizeof(*widths));
    for (size_t i = 0; i < column_count; i++)
        widths[i] = strlen(table->headings[i]) - (table->headings[i][0] == '>' ? 1 : 0);
    for (size_t i = 0; i < table->cell_count; i++) {
        size_t width = safe_text_width(table->cells[i], strlen(table->cells[i]));

        if (width > widths[i % column_count])
            widths[i % column_count] = width;
    }
    byte_buffer_put_text(out, indent);
    put_row(out, table, table->headings, widths, column_count);
    for (size_t i = 0; i + column_count <= table->cell_count; i += column_count) {
        byte_buffer_put_text(out, indent);
        put_row(out, table, table->cells + i, widths, column_count);
    }
    free(widths);
}
