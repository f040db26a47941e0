/*
 * A table of aligned columns, for people.
 *
 * Cells are given one after the other, row by row; what is in them has been
 * made safe to show before (base/safe_text.h). Zero-initialise.
 */
#ifndef TOOLS_TEXT_TABLE_H
#define TOOLS_TEXT_TABLE_H

#include "base/arena.h"
#include "base/byte_buffer.h"

#include <stddef.h>

/* Owned. The headings say how many columns there are; one that starts with '>' is aligned right. */
struct text_table {
    const char *const *headings; /* NULL-ended, borrowed */
    const char **cells;          /* owned array of texts in the arena */
    size_t cell_count;
    struct arena arena;
};

void text_table_release(struct text_table *table);

/* Append a cell: text_table_cell of at most 255 bytes, text_table_text of any length. */
void text_table_cell(struct text_table *table, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

void text_table_text(struct text_table *table, const char *bytes, size_t size);

/* Appends a cell with a name, which is quoted when it is anything but a plain word. */
void text_table_name(struct text_table *table, const char *bytes, size_t size);

/* Appends a cell with a size like "4.2 MB". */
void text_table_size(struct text_table *table, uint64_t size);

/* Appends the whole table to out, every line starting with `indent`. */
void text_table_put(struct byte_buffer *out, const struct text_table *table, const char *indent);

#endif
