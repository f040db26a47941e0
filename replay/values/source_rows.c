#include "replay/values/source_rows.h"

#include <stdlib.h>
#include <string.h>

void source_rows_begin_blocks(struct source_rows *rows, const struct dump_reader *reader,
    uint32_t ordinal, size_t first, size_t count)
{
    size_t column_count = reader->schema.tables[ordinal].column_count;

    rows->reader = reader;
    rows->values = byte_buffer_realloc(rows->values, (column_count + 1) * sizeof(*rows->values));
    rows->next_block = first;
    rows->end_block = first + count;
    rows->is_in_block = false;
    rows->part = SOURCE_ROWS_ADDED;
    rows->row_number = 0;
}

void source_rows_begin(struct source_rows *rows, const struct dump_reader *reader, uint32_t ordinal)
{
    source_rows_begin_blocks(
        rows, reader, ordinal, reader->first_block[ordinal], reader->block_count[ordinal]);
}

/* Removed rows come first in a block (SPEC 5.2). */
static bool next_of_block(struct source_rows *rows)
{
    struct rows_block *block = &rows->buffer.rows;

    while (rows_block_next(block, rows->values)) {
        bool is_removed = block->next_row <= block->removed_count;

        if (is_removed == (rows->part == SOURCE_ROWS_REMOVED))
            return true;
    }
    return false;
}

bool source_rows_next(struct source_rows *rows, const struct value **values, struct error *err)
{
    *values = NULL;
    for (;;) {
        if (rows->is_in_block && next_of_block(rows)) {
            *values = rows->values;
            rows->row_number++;
            return true;
        }
        rows->is_in_block = false;
        if (rows->next_block == rows->end_block)
            return true;
        if (!dump_reader_rows(rows->reader, rows->next_block, &rows->buffer, err))
            return false;
        rows->next_block++;
        rows->is_in_block = true;
    }
}

void source_rows_release(struct source_rows *rows)
{
    dump_buffer_release(&rows->buffer);
    free(rows->values);
    *rows = (struct source_rows){0};
}

uint32_t source_rows_table(const struct dump_reader *reader, const char *name)
{
    const struct schema_table *table = schema_find_table(&reader->schema, name);

    return table == NULL ? UINT32_MAX : (uint32_t)(table - reader->schema.tables);
}

uint32_t source_rows_column(const struct schema_table *table, const char *name)
{
    size_t size = strlen(name);

    for (uint32_t i = 0; i < table->column_count; i++)
        if (table->columns[i].name.size == size
            && memcmp(table->columns[i].name.bytes, name, size) == 0)
            return i;
    return UINT32_MAX;
}
