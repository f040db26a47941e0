/*
 * The values of one column of a ROWS block, gathered row by row, and what they say about the
 * column (SPEC 5.3).
 */
#ifndef FORMAT_COLUMN_VALUES_H
#define FORMAT_COLUMN_VALUES_H

#include "base/byte_buffer.h"
#include "base/byte_reader.h"
#include "format/table_end.h"
#include "format/value.h"

#include <stddef.h>
#include <stdint.h>

/* A string in the rows: small, as every value that is one has one of these at once. */
struct string_place {
    uint32_t offset; /* from the first row's first byte */
    uint32_t size;   /* bytes */
};

struct column_values {
    struct byte_buffer classes;  /* one byte a row */
    struct byte_buffer integers; /* uint64_t */
    struct byte_buffer reals;    /* uint64_t, the bits */
    struct byte_buffer strings;  /* struct string_place */
    struct {                     /* of these, bytes that removed rows have taken */
        size_t classes;
        size_t integers;
        size_t reals;
        size_t strings;
    } removed;
};

void column_values_release(struct column_values *column);

/* Forgets the values, keeps the memory. */
void column_values_clear(struct column_values *column);

/* All rows that were gathered so far are removed ones: not observed. */
void column_values_skip(struct column_values *column);

/* Bytes that were made of the strings: those of each at least once, and no others. */
struct string_bytes {
    const uint8_t *first;
    size_t size;
};

/* Takes all values into account that are not of removed rows; rows is their first byte. */
void column_values_observe(const struct column_values *column, const uint8_t *rows,
    const struct string_bytes *bytes, struct column_facts *facts);

/*
 * Appends one item, of which no more than left_count come, this one included: room for all of them
 * is made at once. It takes no memory until it is used, and nothing has to move.
 */
static inline void column_values_put(
    struct byte_buffer *items, const void *item, size_t size, size_t left_count)
{
    byte_buffer_reserve_exactly(items, size * left_count);
    memcpy(items->data + items->size, item, size);
    items->size += size;
}

/*
 * Adds the value at `at` of the rows; returns where the next one begins. left_count is the
 * number of values that are still to be gathered, this one included.
 */
static inline const uint8_t *column_values_gather(
    struct column_values *column, const uint8_t *rows, const uint8_t *at, size_t left_count)
{
    uint8_t class = *at++;
    struct string_place string;
    uint64_t number;

    column_values_put(&column->classes, &class, 1, left_count);
    switch (class) {
    case VALUE_INTEGER:
        number = byte_reader_load_u64(at);
        column_values_put(&column->integers, &number, sizeof(number), left_count);
        return at + 8;
    case VALUE_REAL:
        number = byte_reader_load_u64(at);
        column_values_put(&column->reals, &number, sizeof(number), left_count);
        return at + 8;
    case VALUE_TEXT:
    case VALUE_BLOB:
        string.size = byte_reader_load_u32(at);
        string.offset = (uint32_t)(at + 4 - rows);
        column_values_put(&column->strings, &string, sizeof(string), left_count);
        return at + 4 + string.size;
    default:
        return at;
    }
}

#endif
