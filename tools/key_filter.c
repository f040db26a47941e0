#include "tools/key_filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct key_filter_condition {
    uint32_t column;
    const char *text; /* borrowed */
    size_t size;
    bool is_integer;
    int64_t integer;
    bool is_number;
    double number;
    struct byte_buffer blob;
    bool is_blob;
};

void key_filter_release(struct key_filter *filter)
{
    for (size_t i = 0; i < filter->count; i++)
        byte_buffer_release(&filter->conditions[i].blob);
    free(filter->conditions);
    *filter = (struct key_filter){0};
}

/* The column whose name is the longest that the condition begins with, before "=". */
static bool find_column(
    struct key_filter_condition *out, const struct schema_table *table, const char *condition)
{
    size_t longest = 0;
    bool is_found = false;

    for (uint32_t i = 0; i < table->column_count; i++) {
        const struct schema_text *name = &table->columns[i].name;

        if (strncmp(condition, name->bytes, name->size) != 0 || condition[name->size] != '='
            || (is_found && name->size <= longest))
            continue;
        is_found = true;
        longest = name->size;
        out->column = i;
        out->text = condition + name->size + 1;
        out->size = strlen(out->text);
    }
    return is_found;
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* X'00ff' */
static bool read_blob(struct key_filter_condition *condition)
{
    const char *text = condition->text;

    if (condition->size < 3 || condition->size % 2 == 0 || strncasecmp(text, "x'", 2) != 0
        || text[condition->size - 1] != '\'')
        return false;
    for (size_t i = 2; i + 1 < condition->size; i += 2) {
        int high = digit((char)(text[i] | 0x20));
        int low = digit((char)(text[i + 1] | 0x20));

        if (high < 0 || low < 0)
            return false;
        byte_buffer_put_u8(&condition->blob, (uint8_t)(high << 4 | low));
    }
    return true;
}

static void read_value(struct key_filter_condition *condition)
{
    char *end;

    errno = 0;
    condition->integer = strtoll(condition->text, &end, 10);
    condition->is_integer = condition->size > 0 && *end == '\0' && errno == 0;
    condition->number = strtod(condition->text, &end);
    condition->is_number = condition->size > 0 && *end == '\0';
    condition->is_blob = read_blob(condition);
}

bool key_filter_open(struct key_filter *filter, const struct schema_table *table,
    const struct command_line_list *conditions, struct error *err)
{
    filter->conditions = byte_buffer_calloc(conditions->count + 1, sizeof(*filter->conditions));
    for (size_t i = 0; i < conditions->count; i++) {
        struct key_filter_condition *condition = &filter->conditions[filter->count];

        if (!find_column(condition, table, conditions->items[i]))
            return error_set(err, ERROR_USAGE,
                "--where-key \"%s\" is not COLUMN=VALUE with a column of table \"%s\"",
                conditions->items[i], table->name.bytes);
        filter->count++;
        read_value(condition);
    }
    return true;
}

static bool holds(const struct key_filter_condition *condition, const struct value *value)
{
    switch (value->class) {
    case VALUE_NULL:
        return strcmp(condition->text, "NULL") == 0;
    case VALUE_INTEGER:
        return condition->is_integer && condition->integer == value->integer;
    case VALUE_REAL:
        return condition->is_number && condition->number == value->real;
    case VALUE_TEXT:
        return condition->size == value->size
               && memcmp(condition->text, value->bytes, value->size) == 0;
    case VALUE_BLOB:
        return condition->is_blob && condition->blob.size == value->size
               && (value->size == 0
                   || memcmp(condition->blob.data, value->bytes, value->size) == 0);
    }
    return false;
}

bool key_filter_accepts(const struct key_filter *filter, const struct value *values)
{
    for (size_t i = 0; i < filter->count; i++)
        if (!holds(&filter->conditions[i], &values[filter->conditions[i].column]))
            return false;
    return true;
}
