#include "format/column_values.h"

void column_values_release(struct column_values *column)
{
    byte_buffer_release(&column->classes);
    byte_buffer_release(&column->integers);
    byte_buffer_release(&column->reals);
    byte_buffer_release(&column->strings);
}

void column_values_clear(struct column_values *column)
{
    column->classes.size = 0;
    column->integers.size = 0;
    column->reals.size = 0;
    column->strings.size = 0;
    column_values_skip(column);
}

void column_values_skip(struct column_values *column)
{
    column->removed.classes = column->classes.size;
    column->removed.integers = column->integers.size;
    column->removed.reals = column->reals.size;
    column->removed.strings = column->strings.size;
}

/* --- observing -------------------------------------------------------------------- */

static void count_classes(
    const struct column_values *column, uint64_t count[static VALUE_CLASS_COUNT])
{
    const uint8_t *classes = column->classes.data + column->removed.classes;
    size_t row_count = column->classes.size - column->removed.classes;

    if (row_count == 0)
        return;
    if (memcmp(classes, classes + 1, row_count - 1) == 0) {
        count[classes[0]] = row_count;
        return;
    }
    for (size_t i = 0; i < row_count; i++)
        count[classes[i]]++;
}

static void observe_numbers(const struct column_values *column, struct column_facts *facts)
{
    const struct byte_buffer *integers = &column->integers;
    const struct byte_buffer *reals = &column->reals;

    if (integers->size > column->removed.integers)
        table_end_observe_integers(facts, (const void *)(integers->data + column->removed.integers),
            (integers->size - column->removed.integers) / sizeof(int64_t));
    for (size_t at = column->removed.reals; at < reals->size; at += sizeof(double)) {
        struct value value = {.class = VALUE_REAL};

        memcpy(&value.real, reals->data + at, sizeof(value.real));
        table_end_observe(facts, &value);
    }
}

/* The strings that are observed. */
static const struct string_place *strings_of(const struct column_values *column, size_t *count)
{
    *count = (column->strings.size - column->removed.strings) / sizeof(struct string_place);
    return (const void *)(column->strings.data + column->removed.strings);
}

static void observe_plain_texts(const struct column_values *column, struct column_facts *facts)
{
    uint32_t size_max = 0;
    size_t count;
    const struct string_place *strings = strings_of(column, &count);

    for (size_t i = 0; i < count; i++)
        size_max = strings[i].size > size_max ? strings[i].size : size_max;
    table_end_observe_plain(facts, count, size_max);
}

static void observe_each_string(
    const struct column_values *column, const uint8_t *rows, struct column_facts *facts)
{
    const uint8_t *class = column->classes.data + column->removed.classes;
    size_t count;
    const struct string_place *strings = strings_of(column, &count);

    for (size_t i = 0; i < count; i++, class ++) {
        struct value value = {.bytes = rows + strings[i].offset, .size = strings[i].size};

        while (*class != VALUE_TEXT && *class != VALUE_BLOB)
            class ++;
        value.class = (enum value_class) * class;
        table_end_observe(facts, &value);
    }
}

void column_values_observe(const struct column_values *column, const uint8_t *rows,
    const struct string_bytes *bytes, struct column_facts *facts)
{
    uint64_t count[VALUE_CLASS_COUNT] = {0};

    count_classes(column, count);
    facts->class_count[VALUE_NULL] += count[VALUE_NULL];
    observe_numbers(column, facts);
    /* Most texts are plain, and looking at all of a column at once is cheap. */
    if (count[VALUE_TEXT] > 0 && count[VALUE_BLOB] == 0
        && table_end_is_plain(bytes->first, bytes->size))
        observe_plain_texts(column, facts);
    else if (count[VALUE_TEXT] + count[VALUE_BLOB] > 0)
        observe_each_string(column, rows, facts);
}
