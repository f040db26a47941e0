#include "replay/target/target_read.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

const char *target_read_since(const struct target_read *read, int version_num,
    const char *new_expression, const char *old_expression)
{
    return read->connection->version_num >= version_num ? new_expression : old_expression;
}

bool target_read_query(
    struct target_read *read, const char *sql, struct connection_rows *rows, struct error *err)
{
    const char *const items[] = {read->schema_oid};
    const struct connection_values values = {items, strstr(sql, "$1") == NULL ? 0 : 1};

    return connection_query(read->connection, sql, &values, rows, err);
}

const char *target_read_text(
    const struct target_read *read, const struct connection_rows *rows, size_t row, size_t column)
{
    const char *text = connection_rows_text(rows, row, column);

    return text == NULL ? NULL : arena_text(read->arena, text);
}

char target_read_letter(const struct connection_rows *rows, size_t row, size_t column)
{
    const char *text = connection_rows_text(rows, row, column);

    return text == NULL ? '\0' : text[0];
}

struct target_table *target_read_table(const struct target_read *read, uint32_t oid)
{
    size_t low = 0;
    size_t high = read->catalog->table_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (read->by_oid[middle].oid == oid)
            return &read->tables[read->by_oid[middle].index];
        if (read->by_oid[middle].oid < oid)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct target_column *target_read_column(const struct target_table *table, int number)
{
    for (size_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].number == number)
            return &table->columns[i];
    }
    return NULL;
}

int *target_read_numbers(const struct target_read *read, const char *text, size_t *count)
{
    int *numbers;

    *count = 0;
    if (text == NULL)
        return NULL;
    numbers = arena_alloc(read->arena, strlen(text) / 2 + 1, sizeof(*numbers));
    while (*text != '\0') {
        if (*text == '-' || isdigit((unsigned char)*text)) {
            char *end;

            numbers[(*count)++] = (int)strtol(text, &end, 10);
            text = end;
        } else {
            text++;
        }
    }
    return numbers;
}

size_t target_read_run(const struct connection_rows *rows, size_t row)
{
    const char *first = connection_rows_text(rows, row, 0);
    size_t count = 1;

    while (row + count < rows->row_count
           && strcmp(connection_rows_text(rows, row + count, 0), first) == 0)
        count++;
    return count;
}
