#include "replay/values/copy_encoder.h"

#include <string.h>

static const uint8_t binary_header[] = {
    'P', 'G', 'C', 'O', 'P', 'Y', '\n', 0xff, '\r', '\n', 0, 0, 0, 0, 0, 0, 0, 0, 0};

#define TUPLE_HEAD_SIZE 2 /* bytes: the number of fields */

void copy_encoder_init(
    struct copy_encoder *encoder, const struct copy_column *columns, size_t column_count)
{
    *encoder =
        (struct copy_encoder){.columns = columns, .column_count = column_count, .is_exact = true};
    for (size_t i = 0; i < column_count; i++) {
        encoder->is_text = encoder->is_text || !type_map_has_binary(&columns[i].type);
        encoder->is_exact = encoder->is_exact && type_map_is_exact(&columns[i].type);
    }
}

void copy_encoder_release(struct copy_encoder *encoder)
{
    byte_buffer_release(&encoder->data);
    byte_buffer_release(&encoder->scratch);
    byte_buffer_release(&encoder->normal);
}

void copy_encoder_begin(struct copy_encoder *encoder)
{
    if (!encoder->is_text)
        byte_buffer_put(&encoder->data, binary_header, sizeof(binary_header));
}

void copy_encoder_end(struct copy_encoder *encoder)
{
    if (!encoder->is_text)
        byte_buffer_put(&encoder->data, (uint8_t[]){0xff, 0xff}, TUPLE_HEAD_SIZE);
}

static bool fault(const struct copy_column *column, enum convert_fault why, struct error *err)
{
    return error_set(err, ERROR_REFUSED, "column \"%s\" (%s): a value %s",
        column->type.column->name, column->type.column->type_text, convert_fault_text(why));
}

static bool put_tuple(struct copy_encoder *encoder, const struct value *values,
    struct byte_buffer *out, struct error *err)
{
    uint8_t head[TUPLE_HEAD_SIZE] = {
        (uint8_t)(encoder->column_count >> 8), (uint8_t)encoder->column_count};

    byte_buffer_put(out, head, sizeof(head));
    for (size_t i = 0; i < encoder->column_count; i++) {
        const struct copy_column *column = &encoder->columns[i];
        enum convert_fault why = convert_probe(&column->type, &values[column->source], out);

        if (why != CONVERT_FITS)
            return fault(column, why, err);
    }
    return true;
}

static bool put_line(struct copy_encoder *encoder, const struct value *values, struct error *err)
{
    for (size_t i = 0; i < encoder->column_count; i++) {
        const struct copy_column *column = &encoder->columns[i];
        enum convert_fault why;

        if (i > 0)
            byte_buffer_put_u8(&encoder->data, '\t');
        why = convert_text(&column->type, &values[column->source], &encoder->data);
        if (why != CONVERT_FITS)
            return fault(column, why, err);
    }
    byte_buffer_put_u8(&encoder->data, '\n');
    return true;
}

bool copy_encoder_row(struct copy_encoder *encoder, const struct value *values, struct error *err)
{
    struct byte_buffer *tuple = encoder->is_text ? &encoder->scratch : &encoder->data;
    size_t from;
    struct hash128 hash = {0};

    encoder->scratch.size = 0;
    from = tuple->size;
    if (encoder->is_text && !put_line(encoder, values, err))
        return false;
    if (!put_tuple(encoder, values, tuple, err)
        || !copy_encoder_hash_tuple(encoder, tuple->data + from, tuple->size - from, &hash, err))
        return false;
    encoder->sum = checksum_add(encoder->sum, hash);
    encoder->row_count++;
    return true;
}

static int32_t load_size(const uint8_t *at)
{
    return (int32_t)((uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]);
}

static bool normalise(
    struct copy_encoder *encoder, const uint8_t *bytes, size_t size, struct error *err)
{
    const uint8_t *next = bytes + TUPLE_HEAD_SIZE;
    const uint8_t *end = bytes + size;

    encoder->normal.size = 0;
    for (size_t i = 0; i < encoder->column_count; i++) {
        const struct type_map *type = &encoder->columns[i].type;
        int32_t field_size = end - next < 4 ? -2 : load_size(next);

        next += 4;
        if (field_size < -1 || (field_size > 0 && field_size > end - next))
            return error_set(err, ERROR_DATABASE, "COPY yielded a tuple that ends early");
        /* What is no value of its type is compared as it is: certainly different. */
        if (!convert_normalise(type, next, field_size, &encoder->normal))
            byte_buffer_put(&encoder->normal, next, (size_t)field_size);
        if (field_size > 0)
            next += field_size;
    }
    return true;
}

bool copy_encoder_hash_tuple(struct copy_encoder *encoder, const uint8_t *bytes, size_t size,
    struct hash128 *hash, struct error *err)
{
    if (size < TUPLE_HEAD_SIZE || ((size_t)bytes[0] << 8 | bytes[1]) != encoder->column_count)
        return error_set(err, ERROR_DATABASE, "COPY yielded a tuple with other columns");
    if (encoder->is_exact) {
        *hash = checksum_xxh3(bytes + TUPLE_HEAD_SIZE, size - TUPLE_HEAD_SIZE);
        return true;
    }
    if (!normalise(encoder, bytes, size, err))
        return false;
    *hash = checksum_xxh3(encoder->normal.data, encoder->normal.size);
    return true;
}
