#include "format/rows_block.h"

#include <inttypes.h>
#include <stdlib.h>

#define CLASSES_PER_ROW 5

/* Numbers in planes (SPEC 2.4): byte k of number i is at planes[k * count + i]. */
struct packed {
    const uint8_t *planes;
    size_t count;
    unsigned width; /* 0, 1, 2, 4 or 8 bytes */
};

/* Strings behind one another, their sizes packed. */
struct strings {
    uint32_t size_min;
    struct packed sizes; /* each less size_min */
    const uint8_t *bytes;
    size_t size; /* all bytes */
};

struct rows_column {
    const uint8_t *classes; /* one a row, or NULL: all are `class` */
    uint8_t class;

    uint64_t first; /* integer */
    struct packed deltas;
    struct packed reals;
    bool has_dictionary;
    struct strings strings;  /* of the rows, or of the dictionary */
    struct packed places;    /* of the rows' strings in the dictionary */
    const uint8_t **entries; /* owned: where each entry begins, and the end */
    uint32_t entries_allocated;

    /* Where rows_block_next() is. */
    uint64_t integer;
    size_t next_integer;
    size_t next_real;
    size_t next_string;
    const uint8_t *next_bytes;
};

static inline uint64_t packed_at(const struct packed *packed, size_t i)
{
    const uint8_t *p = packed->planes + i;
    size_t count = packed->count;
    uint64_t number = 0;

    switch (packed->width) {
    case 0:
        return 0;
    case 1:
        return p[0];
    case 2:
        return (uint64_t)p[0] | (uint64_t)p[count] << 8;
    case 4:
        return (uint64_t)p[0] | (uint64_t)p[count] << 8 | (uint64_t)p[2 * count] << 16
               | (uint64_t)p[3 * count] << 24;
    default:
        for (unsigned plane = 0; plane < 8; plane++)
            number |= (uint64_t)p[plane * count] << (8 * plane);
        return number;
    }
}

/* --- decoding: every length is checked here --------------------------------------- */

static bool get_planes(struct packed *out, struct byte_reader *r, size_t count, unsigned width)
{
    out->count = count;
    out->width = width;
    out->planes = byte_reader_span(r, count * width);
    return out->planes != NULL;
}

static bool get_packed(struct packed *out, struct byte_reader *r, size_t count)
{
    unsigned width = byte_reader_u8(r);

    if (width > 8 || (width & (width - 1)) != 0)
        return false;
    return get_planes(out, r, count, width);
}

static bool get_strings(struct strings *out, struct byte_reader *r, size_t count)
{
    uint64_t total;

    out->size_min = byte_reader_u32(r);
    if (!get_packed(&out->sizes, r, count))
        return false;
    total = (uint64_t)out->size_min * count;
    for (size_t i = 0; i < count && out->sizes.width > 0; i++) {
        uint64_t more = packed_at(&out->sizes, i);

        if (more > UINT32_MAX - out->size_min)
            return false;
        total += more;
    }
    if (total > byte_reader_left(r))
        return false;
    out->size = (size_t)total;
    out->bytes = byte_reader_span(r, out->size);
    return out->bytes != NULL;
}

static bool get_dictionary(struct rows_column *column, struct byte_reader *r, size_t count)
{
    uint32_t known = byte_reader_u32(r);
    const uint8_t *at;

    if (known == 0 || known > count || !get_strings(&column->strings, r, known)
        || known > column->strings.size + 1)
        return false;
    if (column->entries_allocated < known + 1) {
        column->entries_allocated = known + 1;
        column->entries = byte_buffer_realloc(
            column->entries, column->entries_allocated * sizeof(*column->entries));
    }
    at = column->strings.bytes;
    for (uint32_t i = 0; i < known; i++) {
        column->entries[i] = at;
        at += column->strings.size_min + packed_at(&column->strings.sizes, i);
    }
    column->entries[known] = at;
    if (!get_packed(&column->places, r, count))
        return false;
    for (size_t i = 0; i < count && column->places.width > 0; i++)
        if (packed_at(&column->places, i) >= known)
            return false;
    return true;
}

static bool get_column_strings(struct rows_column *column, struct byte_reader *r, size_t count)
{
    uint8_t mode = byte_reader_u8(r);

    column->has_dictionary = mode == 1;
    if (mode > 1)
        return false;
    return mode == 1 ? get_dictionary(column, r, count) : get_strings(&column->strings, r, count);
}

static bool get_classes(
    struct rows_column *column, struct byte_reader *r, size_t row_count, size_t *count_of)
{
    uint8_t class = byte_reader_u8(r);

    column->classes = NULL;
    column->class = class;
    if (class < VALUE_CLASS_COUNT) {
        count_of[class] = row_count;
        return !r->overrun;
    }
    if (class != CLASSES_PER_ROW)
        return false;
    column->classes = byte_reader_span(r, row_count);
    for (size_t i = 0; column->classes != NULL && i < row_count; i++) {
        if (column->classes[i] >= VALUE_CLASS_COUNT)
            return false;
        count_of[column->classes[i]]++;
    }
    return column->classes != NULL;
}

static bool get_column(struct rows_column *column, struct byte_reader *r, size_t row_count)
{
    size_t count_of[VALUE_CLASS_COUNT] = {0};
    size_t string_count;

    if (!get_classes(column, r, row_count, count_of))
        return false;
    if (count_of[VALUE_INTEGER] > 0) {
        column->first = byte_reader_u64(r);
        if (!get_packed(&column->deltas, r, count_of[VALUE_INTEGER] - 1))
            return false;
    }
    if (count_of[VALUE_REAL] > 0 && !get_planes(&column->reals, r, count_of[VALUE_REAL], 8))
        return false;
    string_count = count_of[VALUE_TEXT] + count_of[VALUE_BLOB];
    if (string_count > 0 && !get_column_strings(column, r, string_count))
        return false;
    return true;
}

static void make_room(struct rows_block *block, uint32_t column_count)
{
    if (block->columns_allocated >= column_count)
        return;
    block->columns = byte_buffer_realloc(block->columns, column_count * sizeof(*block->columns));
    memset(block->columns + block->columns_allocated, 0,
        (column_count - block->columns_allocated) * sizeof(*block->columns));
    block->columns_allocated = column_count;
}

bool rows_block_decode(
    struct rows_block *block, struct byte_reader *body, uint32_t column_count, struct error *err)
{
    block->table = byte_reader_u32(body);
    block->row_count = byte_reader_u32(body);
    block->removed_count = byte_reader_u32(body);
    block->column_count = byte_reader_u32(body);
    if (body->overrun || block->row_count == 0 || block->row_count > ROWS_COUNT_MAX
        || block->removed_count > block->row_count)
        return error_set(err, ERROR_CORRUPT,
            "rows block says %" PRIu32 " rows, %" PRIu32 " of them removed", block->row_count,
            block->removed_count);
    if (block->column_count != column_count)
        return error_set(err, ERROR_CORRUPT,
            "rows block has %" PRIu32 " columns, its table %" PRIu32, block->column_count,
            column_count);
    make_room(block, column_count);
    for (uint32_t i = 0; i < column_count; i++)
        if (!get_column(&block->columns[i], body, block->row_count))
            return error_set(err, ERROR_CORRUPT, "rows block: column %" PRIu32 " is damaged", i);
    if (byte_reader_left(body) != 0)
        return error_set(
            err, ERROR_CORRUPT, "rows block: %zu bytes after its end", byte_reader_left(body));
    rows_block_rewind(block);
    return true;
}

/* --- rows ---------------------------------------------------------------------------- */

static void next_integer(struct rows_column *column, struct value *value)
{
    if (column->next_integer > 0) {
        uint64_t delta = packed_at(&column->deltas, column->next_integer - 1);

        column->integer += delta >> 1 ^ (0 - (delta & 1));
    }
    column->next_integer++;
    value->integer = (int64_t)column->integer;
}

static void next_string(struct rows_column *column, struct value *value)
{
    size_t i = column->next_string++;

    if (column->has_dictionary) {
        size_t place = (size_t)packed_at(&column->places, i);

        value->bytes = column->entries[place];
        value->size = (uint32_t)(column->entries[place + 1] - column->entries[place]);
        return;
    }
    value->bytes = column->next_bytes;
    value->size = column->strings.size_min + (uint32_t)packed_at(&column->strings.sizes, i);
    column->next_bytes += value->size;
}

static void next_value(struct rows_column *column, uint32_t row, struct value *value)
{
    uint64_t bits;

    value->class =
        (enum value_class)(column->classes == NULL ? column->class : column->classes[row]);
    switch (value->class) {
    case VALUE_NULL:
        break;
    case VALUE_INTEGER:
        next_integer(column, value);
        break;
    case VALUE_REAL:
        bits = packed_at(&column->reals, column->next_real++);
        memcpy(&value->real, &bits, sizeof(bits));
        break;
    case VALUE_TEXT:
    case VALUE_BLOB:
        next_string(column, value);
        break;
    }
}

bool rows_block_next(struct rows_block *block, struct value *values)
{
    uint32_t row = block->next_row;

    if (row == block->row_count)
        return false;
    for (uint32_t i = 0; i < block->column_count; i++)
        next_value(&block->columns[i], row, &values[i]);
    block->next_row++;
    return true;
}

/* Bytes that a value takes beside those of a string. */
#define VALUE_SIZE_MAX 9

/* Writes the next value of a column behind out's bytes, where VALUE_SIZE_MAX bytes have room for it
 * and each of `more` others. */
static inline void append_value(
    struct rows_column *column, uint32_t row, size_t more, struct byte_buffer *out)
{
    uint8_t *at = out->data + out->size;
    struct value value;

    at[0] = column->classes == NULL ? column->class : column->classes[row];
    switch (at[0]) {
    case VALUE_NULL:
        out->size += 1;
        break;
    case VALUE_INTEGER:
        next_integer(column, &value);
        byte_buffer_store_u64(at + 1, (uint64_t)value.integer);
        out->size += 9;
        break;
    case VALUE_REAL:
        byte_buffer_store_u64(at + 1, packed_at(&column->reals, column->next_real++));
        out->size += 9;
        break;
    default:
        next_string(column, &value);
        byte_buffer_store_u32(at + 1, value.size);
        out->size += 5;
        byte_buffer_reserve(out, value.size + more * VALUE_SIZE_MAX);
        if (value.size > 0)
            memcpy(out->data + out->size, value.bytes, value.size);
        out->size += value.size;
        break;
    }
}

bool rows_block_append(struct rows_block *block, struct byte_buffer *out)
{
    uint32_t row = block->next_row;

    if (row == block->row_count)
        return false;
    byte_buffer_reserve(out, (size_t)block->column_count * VALUE_SIZE_MAX);
    for (uint32_t i = 0; i < block->column_count; i++)
        append_value(&block->columns[i], row, block->column_count - i, out);
    block->next_row++;
    return true;
}

bool rows_block_next_of(
    struct rows_block *block, const uint32_t *columns, size_t count, struct value *values)
{
    uint32_t row = block->next_row;

    if (row == block->row_count)
        return false;
    for (size_t i = 0; i < count; i++)
        next_value(&block->columns[columns[i]], row, &values[columns[i]]);
    block->next_row++;
    return true;
}

void rows_block_rewind(struct rows_block *block)
{
    block->next_row = 0;
    for (uint32_t i = 0; i < block->column_count; i++) {
        struct rows_column *column = &block->columns[i];

        column->integer = column->first;
        column->next_integer = 0;
        column->next_real = 0;
        column->next_string = 0;
        column->next_bytes = column->strings.bytes;
    }
}

void rows_block_release(struct rows_block *block)
{
    for (uint32_t i = 0; i < block->columns_allocated; i++)
        free(block->columns[i].entries);
    free(block->columns);
    *block = (struct rows_block){0};
}
