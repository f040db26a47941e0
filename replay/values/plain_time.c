#include "replay/values/plain_time.h"

#include <string.h>

enum {
    OID_DATE = 1082,
    OID_TIME = 1083,
    OID_TIMESTAMP = 1114,
    OID_TIMESTAMPTZ = 1184,
};

/* What is left of a text. */
struct rest {
    const uint8_t *at;
    const uint8_t *end;
};

/* Exactly `digits` digits of a number from min to max. */
static bool take_number(struct rest *rest, int digits, int min, int max, int *out)
{
    int number = 0;

    for (int i = 0; i < digits; i++) {
        if (rest->at == rest->end || *rest->at < '0' || *rest->at > '9')
            return false;
        number = number * 10 + (*rest->at++ - '0');
    }
    *out = number;
    return number >= min && number <= max;
}

static bool take(struct rest *rest, char c)
{
    if (rest->at == rest->end || *rest->at != (uint8_t)c)
        return false;
    rest->at++;
    return true;
}

static int days_of(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && is_leap);
}

static bool take_date(struct rest *rest)
{
    int year;
    int month;
    int day;

    return take_number(rest, 4, 1, 9999, &year) && take(rest, '-')
           && take_number(rest, 2, 1, 12, &month) && take(rest, '-')
           && take_number(rest, 2, 1, days_of(year, month), &day);
}

/* HH:MM, perhaps seconds and a fraction of up to six digits. */
static bool take_time(struct rest *rest)
{
    int number;

    if (!take_number(rest, 2, 0, 23, &number) || !take(rest, ':')
        || !take_number(rest, 2, 0, 59, &number))
        return false;
    if (!take(rest, ':'))
        return true;
    if (!take_number(rest, 2, 0, 59, &number))
        return false;
    if (!take(rest, '.'))
        return true;
    if (!take_number(rest, 1, 0, 9, &number))
        return false;
    for (int i = 1; i < 6 && take_number(rest, 1, 0, 9, &number); i++)
        continue;
    return true;
}

/* Nothing, Z, +HH:MM or -HH:MM. */
static bool take_zone(struct rest *rest)
{
    int number;

    if (rest->at == rest->end || take(rest, 'Z'))
        return true;
    return (take(rest, '+') || take(rest, '-')) && take_number(rest, 2, 0, 14, &number)
           && take(rest, ':') && take_number(rest, 2, 0, 59, &number);
}

bool plain_time_fits(const struct type_map *map, const struct value *value)
{
    struct rest rest = {.at = value->bytes};
    bool fits;

    if (value->class != VALUE_TEXT || map->column->is_domain)
        return false;
    rest.end = value->bytes + value->size;
    switch (map->column->base_type_oid) {
    case OID_DATE:
        fits = take_date(&rest);
        break;
    case OID_TIME:
        fits = take_time(&rest);
        break;
    case OID_TIMESTAMP:
    case OID_TIMESTAMPTZ:
        fits = take_date(&rest)
               && (rest.at == rest.end
                   || ((take(&rest, ' ') || take(&rest, 'T')) && take_time(&rest)
                       && take_zone(&rest)));
        break;
    default:
        return false;
    }
    return fits && rest.at == rest.end;
}
