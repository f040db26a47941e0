#include "replay/values/convert_number.h"

#include "base/owned.h"
#include "replay/values/decimal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static enum convert_fault integer_of(const struct value *value, int64_t *out)
{
    if (value->class == VALUE_INTEGER) {
        *out = value->integer;
        return CONVERT_FITS;
    }
    if (value->class != VALUE_REAL)
        return CONVERT_CLASS;
    if (!(value->real >= -9223372036854775808.0 && value->real < 9223372036854775808.0))
        return CONVERT_RANGE; /* NaN too, which SQLite does not have but a made-up dump may */
    *out = (int64_t)value->real;
    return (double)*out == value->real ? CONVERT_FITS : CONVERT_FRACTION;
}

/* How programs write them as text. */
static enum convert_fault boolean_of(const struct value *value, int64_t *out)
{
    static const char *const texts[] = {"0", "1", "f", "t", "false", "true"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (value->size != strlen(texts[i])
            || strncasecmp((const char *)value->bytes, texts[i], value->size) != 0)
            continue;
        *out = (int64_t)(i % 2);
        return CONVERT_FITS;
    }
    return CONVERT_BOOLEAN;
}

enum convert_fault convert_number_integer(
    const struct type_map *map, const struct value *value, int64_t *out)
{
    bool is_word = map->kind == TYPE_BOOLEAN && value->class == VALUE_TEXT;
    enum convert_fault fault = is_word ? boolean_of(value, out) : integer_of(value, out);

    if (fault != CONVERT_FITS)
        return fault;
    if (map->kind == TYPE_BOOLEAN)
        return *out == 0 || *out == 1 ? CONVERT_FITS : CONVERT_BOOLEAN;
    if (map->kind == TYPE_INT2)
        return *out >= INT16_MIN && *out <= INT16_MAX ? CONVERT_FITS : CONVERT_RANGE;
    if (map->kind == TYPE_INT4)
        return *out >= INT32_MIN && *out <= INT32_MAX ? CONVERT_FITS : CONVERT_RANGE;
    return CONVERT_FITS;
}

enum convert_fault convert_number_real(
    const struct type_map *map, const struct value *value, double *out)
{
    if (value->class == VALUE_REAL) {
        *out = value->real;
    } else if (value->class == VALUE_INTEGER) {
        *out = (double)value->integer;
        if (*out >= 9223372036854775808.0 || (int64_t)*out != value->integer)
            return CONVERT_PRECISION;
    } else {
        return CONVERT_CLASS;
    }
    if (isnan(*out) || (map->kind == TYPE_FLOAT4 && isinf((float)*out) && !isinf(*out)))
        return CONVERT_RANGE;
    return CONVERT_FITS;
}

void convert_number_put(struct byte_buffer *out, int64_t number)
{
    char text[24];
    int size = snprintf(text, sizeof(text), "%" PRId64, number);

    byte_buffer_put(out, text, (size_t)size);
}

/*
 * numeric(p,s) holds p - s digits before the point and s after it. With s < 0 they end before the
 * point, with s > p they begin behind it (since PostgreSQL 15).
 */
static bool shape_fits(const struct type_map *map, const struct decimal_shape *shape)
{
    return map->precision == 0 || shape->is_zero
           || (shape->fraction_digits <= map->scale
               && shape->integer_digits <= (long)map->precision - map->scale);
}

enum convert_fault convert_number_decimal(
    const struct type_map *map, const struct value *value, struct byte_buffer *out)
{
    OWNED(byte_buffer) struct byte_buffer text = {0};
    struct decimal_shape shape;

    if (value->class == VALUE_INTEGER) {
        convert_number_put(&text, value->integer);
    } else if (value->class == VALUE_REAL) {
        if (!isfinite(value->real))
            return CONVERT_RANGE;
        decimal_of_real(&text, value->real);
    } else if (value->class == VALUE_TEXT) {
        byte_buffer_put(&text, value->bytes, value->size);
    } else {
        return CONVERT_CLASS;
    }
    if (!decimal_canonical(out, text.data, text.size, &shape))
        return CONVERT_NUMBER;
    return shape_fits(map, &shape) ? CONVERT_FITS : CONVERT_PRECISION;
}
