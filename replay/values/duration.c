#include "replay/values/duration.h"

#include "base/owned.h"
#include "replay/values/decimal.h"

#define OID_INTERVAL 1186

/* A number of seconds, without an exponent, of one of so many. False: it is no number. */
static bool put_seconds(
    const struct byte_buffer *text, const char *exponent, struct byte_buffer *out)
{
    OWNED(byte_buffer) struct byte_buffer number = {0};

    if (!decimal_canonical(&number, text->data, text->size, NULL))
        return false;
    byte_buffer_put_text(&number, exponent);
    return decimal_canonical(out, number.data, number.size, NULL);
}

static size_t skip_digits(const struct byte_buffer *text, size_t at)
{
    while (at < text->size && text->data[at] >= '0' && text->data[at] <= '9')
        at++;
    return at;
}

/* [-]days.hours:... */
static bool has_days_before_point(const struct byte_buffer *text)
{
    size_t begin = text->size > 0 && text->data[0] == '-' ? 1 : 0;
    size_t point = skip_digits(text, begin);
    size_t colon = skip_digits(text, point + 1);

    return point > begin && point < text->size && text->data[point] == '.' && colon > point + 1
           && colon < text->size && text->data[colon] == ':';
}

enum convert_fault duration_settle(const struct type_map *map, struct byte_buffer *text)
{
    /* Before version 15 the server takes no more than 2^31 microseconds. */
    static const char *const exponents[] = {[TYPE_MAP_UNIX_SECONDS] = "e0",
        [TYPE_MAP_UNIX_MILLISECONDS] = "e-3",
        [TYPE_MAP_UNIX_MICROSECONDS] = "e-6",
        [TYPE_MAP_UNIX_NANOSECONDS] = NULL};
    const char *exponent = exponents[map->unix_time];
    OWNED(byte_buffer) struct byte_buffer seconds = {0};

    if (map->column->base_type_oid != OID_INTERVAL)
        return CONVERT_FITS;
    if (has_days_before_point(text))
        return CONVERT_DURATION;
    if (!put_seconds(text, exponent == NULL ? "e0" : exponent, &seconds))
        return CONVERT_FITS;
    if (exponent == NULL)
        return CONVERT_UNIX;
    text->size = 0;
    byte_buffer_put(text, seconds.data, seconds.size);
    byte_buffer_put_text(text, " seconds");
    return CONVERT_FITS;
}
