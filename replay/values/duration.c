#include "replay/values/duration.h"

#include "base/owned.h"
#include "replay/values/decimal.h"

#define OID_INTERVAL 1186

static bool is_number(const struct byte_buffer *text)
{
    OWNED(byte_buffer) struct byte_buffer ignored = {0};

    return decimal_canonical(&ignored, text->data, text->size, NULL);
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
    static const char *const units[] = {[TYPE_MAP_UNIX_SECONDS] = " seconds",
        [TYPE_MAP_UNIX_MILLISECONDS] = " milliseconds",
        [TYPE_MAP_UNIX_MICROSECONDS] = " microseconds",
        [TYPE_MAP_UNIX_NANOSECONDS] = NULL};

    if (map->column->base_type_oid != OID_INTERVAL)
        return CONVERT_FITS;
    if (has_days_before_point(text))
        return CONVERT_DURATION;
    if (!is_number(text))
        return CONVERT_FITS;
    if (units[map->unix_time] == NULL)
        return CONVERT_UNIX;
    byte_buffer_put_text(text, units[map->unix_time]);
    return CONVERT_FITS;
}
