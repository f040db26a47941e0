#include "replay/values/decimal.h"

#include <stdio.h>
#include <stdlib.h>

/* A number as its digits and where the point is. */
struct parts {
    bool is_negative;
    const uint8_t *digits; /* with at most one point among them */
    size_t size;
    size_t before_point; /* digits before the point as written */
    size_t digit_count;
    long exponent;
};

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static bool read_exponent(const uint8_t *text, size_t size, long *out)
{
    bool is_negative = false;
    size_t at = 0;
    long value = 0;

    if (at < size && (text[at] == '+' || text[at] == '-'))
        is_negative = text[at++] == '-';
    if (at == size)
        return false;
    for (; at < size; at++) {
        if (!is_digit(text[at]))
            return false;
        if (value < 10000000000L)
            value = value * 10 + (text[at] - '0');
    }
    *out = is_negative ? -value : value;
    return true;
}

static bool split(struct parts *parts, const uint8_t *text, size_t size)
{
    size_t at = 0;
    bool has_point = false;

    *parts = (struct parts){0};
    if (at < size && (text[at] == '+' || text[at] == '-'))
        parts->is_negative = text[at++] == '-';
    parts->digits = text + at;
    for (; at < size && (is_digit(text[at]) || (text[at] == '.' && !has_point)); at++) {
        has_point = has_point || text[at] == '.';
        parts->digit_count += text[at] != '.';
        parts->before_point += !has_point;
    }
    parts->size = (size_t)(text + at - parts->digits);
    if (parts->digit_count == 0)
        return false;
    if (at == size)
        return true;
    if (text[at] != 'e' && text[at] != 'E')
        return false;
    return read_exponent(text + at + 1, size - at - 1, &parts->exponent);
}

/* The digit number `index`, counted without the point. */
static uint8_t digit_at(const struct parts *parts, size_t index)
{
    return parts->digits[index + (index >= parts->before_point)];
}

static void put_zeros(struct byte_buffer *out, size_t count)
{
    while (count-- > 0)
        byte_buffer_put_u8(out, '0');
}

static void put_digits(struct byte_buffer *out, const struct parts *parts, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        byte_buffer_put_u8(out, digit_at(parts, i));
}

/* Digits [first, last) with the point after `point` of them, which may be outside. */
static void put_canonical(
    struct byte_buffer *out, const struct parts *parts, size_t first, size_t last, long point)
{
    size_t count = last - first;
    size_t whole = point <= 0 ? 0 : (size_t)point < count ? (size_t)point : count;

    if (parts->is_negative && count > 0)
        byte_buffer_put_u8(out, '-');
    if (point <= 0)
        byte_buffer_put_u8(out, '0');
    put_digits(out, parts, first, first + whole);
    if (point > 0)
        put_zeros(out, (size_t)point - whole);
    if (whole == count)
        return;
    byte_buffer_put_u8(out, '.');
    if (point < 0)
        put_zeros(out, (size_t)-point);
    put_digits(out, parts, first + whole, last);
}

bool decimal_canonical(
    struct byte_buffer *out, const uint8_t *text, size_t size, struct decimal_shape *shape)
{
    struct parts parts;
    size_t first = 0;
    size_t last;
    long count; /* digits that matter */
    long point; /* so many of them are before the point */

    if (!split(&parts, text, size))
        return false;
    last = parts.digit_count;
    while (first < last && digit_at(&parts, first) == '0')
        first++;
    while (last > first && digit_at(&parts, last - 1) == '0')
        last--;
    count = (long)(last - first);
    point = count == 0 ? 0 : (long)parts.before_point - (long)first + parts.exponent;
    if (point > (long)DECIMAL_DIGITS_MAX || count - point > (long)DECIMAL_SCALE_MAX)
        return false;
    if (shape != NULL)
        *shape = (struct decimal_shape){
            .integer_digits = point,
            .fraction_digits = count - point,
            .is_zero = count == 0,
            .written_scale = (long)parts.digit_count - (long)parts.before_point - parts.exponent,
            .exponent = parts.exponent,
        };
    put_canonical(out, &parts, first, last, point);
    return true;
}

void decimal_of_real(struct byte_buffer *out, double real)
{
    char text[40];
    int size = 0;

    for (int precision = 15; precision <= 17; precision++) {
        size = snprintf(text, sizeof(text), "%.*g", precision, real);
        if (strtod(text, NULL) == real)
            break;
    }
    byte_buffer_put(out, text, (size_t)size);
}
