#include "replay/values/time_loss.h"

#include <string.h>
#include <strings.h>

enum {
    OID_DATE = 1082,
    OID_TIME = 1083,
    OID_TIMESTAMP = 1114,
    OID_TIMESTAMPTZ = 1184,
    OID_TIMETZ = 1266,
};

#define PRECISION_MAX 6 /* microseconds */

/* What a text says. */
struct moment {
    bool has_date;
    bool has_time;
    bool is_midnight;
    bool has_offset; /* from UTC, other than 0 */
    int digit_count; /* of the fraction of a second, without zeros at its end */
};

/* What is left of a text. */
struct rest {
    const char *at;
    const char *end;
};

static bool is_digit(const struct rest *rest)
{
    return rest->at < rest->end && *rest->at >= '0' && *rest->at <= '9';
}

static bool take(struct rest *rest, const char *one_of)
{
    if (rest->at == rest->end || *rest->at == '\0' || strchr(one_of, *rest->at) == NULL)
        return false;
    rest->at++;
    return true;
}

static void skip_spaces(struct rest *rest)
{
    while (take(rest, " "))
        continue;
}

/* From min to max digits; *is_zero stays true if all are 0. */
static bool take_digits(struct rest *rest, int min, int max, bool *is_zero)
{
    int count = 0;

    for (; count < max && is_digit(rest); count++)
        *is_zero &= *rest->at++ == '0';
    return count >= min;
}

static bool take_date(struct rest *rest, struct moment *moment)
{
    bool ignored = true;

    moment->has_date = take_digits(rest, 4, 6, &ignored) && take(rest, "-")
                       && take_digits(rest, 1, 2, &ignored) && take(rest, "-")
                       && take_digits(rest, 1, 2, &ignored);
    return moment->has_date;
}

static void take_fraction(struct rest *rest, struct moment *moment)
{
    for (int count = 1; is_digit(rest); count++)
        if (*rest->at++ != '0')
            moment->digit_count = count;
    moment->is_midnight &= moment->digit_count == 0;
}

static bool take_time(struct rest *rest, struct moment *moment)
{
    moment->has_time = true;
    if (!take_digits(rest, 1, 2, &moment->is_midnight) || !take(rest, ":")
        || !take_digits(rest, 2, 2, &moment->is_midnight))
        return false;
    if (!take(rest, ":"))
        return true;
    if (!take_digits(rest, 2, 2, &moment->is_midnight))
        return false;
    if (take(rest, ".,"))
        take_fraction(rest, moment);
    return true;
}

static bool take_word(struct rest *rest, const char *word)
{
    size_t size = strlen(word);

    if ((size_t)(rest->end - rest->at) != size || strncasecmp(rest->at, word, size) != 0)
        return false;
    rest->at = rest->end;
    return true;
}

/* Nothing, Z, UTC, GMT, +H, +HHMM, +HH:MM, +HH:MM:SS, or with -. */
static bool take_zone(struct rest *rest, struct moment *moment)
{
    bool is_zero = true;

    if (rest->at == rest->end || take_word(rest, "Z") || take_word(rest, "UTC")
        || take_word(rest, "GMT"))
        return true;
    if (!take(rest, "+-") || !take_digits(rest, 1, 4, &is_zero))
        return false;
    while (take(rest, ":"))
        if (!take_digits(rest, 2, 2, &is_zero))
            return false;
    moment->has_offset = !is_zero;
    return true;
}

/* False for a text of another kind. */
static bool read_moment(struct rest *rest, struct moment *moment)
{
    const char *begin;

    skip_spaces(rest);
    begin = rest->at;
    if (take_date(rest, moment)) {
        (void)take(rest, "Tt");
        skip_spaces(rest);
    } else {
        rest->at = begin;
    }
    if (is_digit(rest) && !take_time(rest, moment))
        return false;
    if (!moment->has_date && !moment->has_time)
        return false;
    skip_spaces(rest);
    if (!take_zone(rest, moment))
        return false;
    skip_spaces(rest);
    return rest->at == rest->end;
}

static bool is_time(uint32_t oid)
{
    return oid == OID_DATE || oid == OID_TIME || oid == OID_TIMETZ || oid == OID_TIMESTAMP
           || oid == OID_TIMESTAMPTZ;
}

bool time_loss_occurs(const struct type_map *map, const uint8_t *text, size_t size)
{
    struct rest rest = {(const char *)text, (const char *)text + size};
    struct moment moment = {.is_midnight = true};
    int32_t modifier = map->column->type_modifier;
    bool is_rounded;

    if (!is_time(map->column->base_type_oid) || !read_moment(&rest, &moment))
        return false;
    is_rounded =
        moment.digit_count > (modifier < 0 || modifier > PRECISION_MAX ? PRECISION_MAX : modifier);
    switch (map->column->base_type_oid) {
    case OID_DATE:
        return !moment.is_midnight || moment.has_offset;
    case OID_TIME:
        return is_rounded || moment.has_date || moment.has_offset;
    case OID_TIMETZ:
        return is_rounded || moment.has_date;
    case OID_TIMESTAMP:
        return is_rounded || moment.has_offset;
    default:
        return is_rounded;
    }
}
