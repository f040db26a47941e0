#include "replay/values/moment.h"

#include "base/owned.h"
#include "replay/values/convert_number.h"
#include "replay/values/decimal.h"
#include "replay/values/iso_time.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)
#define UNIX_EPOCH (-10957 * DAY) /* 1970-01-01 */
#define YEAR_MAX 294276           /* of PostgreSQL's timestamps */
#define YEAR_MAX_UNIX 9999        /* later ones come of a wrong unit */
#define OFFSET_MAX (16 * 3600 - 1)
#define PRECISION_MAX 6
#define DIGITS_MAX 18 /* of an int64_t, for certain */

/* --- the calendar --------------------------------------------------------------- */

/* Days from 2000-01-01 to a day of the Gregorian calendar; years are counted from March. */
static int64_t days_of(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 730425;
}

static void date_of(int64_t days, int64_t *year, int *month, int *day)
{
    int64_t z = days + 730425;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t of_era = z - era * 146097;
    int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
    int64_t from_march = (5 * of_year + 2) / 153;

    *day = (int)(of_year - (153 * from_march + 2) / 5 + 1);
    *month = (int)(from_march < 10 ? from_march + 3 : from_march - 9);
    *year = y + era * 400 + (*month <= 2 ? 1 : 0);
}

static int days_in(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && is_leap);
}

static int64_t floor_day(int64_t moment)
{
    return moment / DAY - (moment % DAY < 0 ? 1 : 0);
}

/* --- what does not fit ----------------------------------------------------------- */

/* Rounds as the server does; false: digits would be dropped, which must not be. */
static bool round_moment(
    const struct type_map *map, bool rounds_up, bool is_inexact, int64_t *moment)
{
    int32_t digits = map->column->type_modifier;
    int64_t step = 1;
    int64_t rest;

    for (int32_t i = digits < 0 ? PRECISION_MAX : digits; i < PRECISION_MAX; i++)
        step *= 10;
    rest = *moment % step;
    if (!is_inexact && rest == 0)
        return true;
    if (!map->replaces_text)
        return false;
    *moment += rounds_up ? 1 : 0;
    rest = *moment % step;
    *moment -= rest;
    if (rest * 2 >= step && step > 1)
        *moment += step;
    else if (rest * 2 <= -step && step > 1)
        *moment -= step;
    return true;
}

/* A moment in UTC for a column; is_inexact: it had more digits than microseconds. */
static enum convert_fault settle(
    const struct type_map *map, bool rounds_up, bool is_inexact, int64_t *moment)
{
    if (map->kind != TYPE_DATE && !round_moment(map, rounds_up, is_inexact, moment))
        return CONVERT_TIME;
    if (map->kind != TYPE_DATE)
        return *moment < days_of(YEAR_MAX + 1, 1, 1) * DAY ? CONVERT_FITS : CONVERT_RANGE;
    if ((is_inexact || *moment % DAY != 0) && !map->replaces_text)
        return CONVERT_TIME;
    *moment = floor_day(*moment) * DAY;
    return CONVERT_FITS;
}

/* --- numbers ------------------------------------------------------------------------ */

/* A canonical decimal in the unit, as microseconds since 2000. */
static enum convert_fault of_decimal(const struct type_map *map, const char *text, int64_t *out)
{
    static const int shifts[] = {[TYPE_MAP_UNIX_SECONDS] = 6,
        [TYPE_MAP_UNIX_MILLISECONDS] = 3,
        [TYPE_MAP_UNIX_MICROSECONDS] = 0,
        [TYPE_MAP_UNIX_NANOSECONDS] = -3};
    bool is_negative = *text == '-';
    const char *digits = text + (is_negative ? 1 : 0);
    const char *point = strchr(digits, '.');
    int whole = (int)(point == NULL ? strlen(digits) : (size_t)(point - digits));
    int kept = whole + shifts[map->unix_time]; /* digits that make whole microseconds */
    bool rounds_up = false;
    bool is_inexact = false;
    int at = 0;

    *out = 0;
    if (kept > DIGITS_MAX)
        return CONVERT_RANGE;
    for (const char *c = digits; *c != '\0'; c++) {
        if (*c == '.')
            continue;
        if (at < kept)
            *out = *out * 10 + (*c - '0');
        else
            is_inexact = is_inexact || *c != '0';
        rounds_up = rounds_up || (at == kept && *c >= '5');
        at++;
    }
    for (; at < kept; at++)
        *out *= 10;
    if (is_negative) {
        *out = -*out - (rounds_up ? 1 : 0);
        rounds_up = false;
    }
    *out += UNIX_EPOCH;
    if (*out < days_of(1, 1, 1) * DAY || *out >= days_of(YEAR_MAX_UNIX + 1, 1, 1) * DAY)
        return CONVERT_RANGE;
    return settle(map, rounds_up, is_inexact, out);
}

/* Numbers of SQLite's, and digits as text. False: the text is no number. */
static bool read_number(const struct value *value, struct byte_buffer *out)
{
    OWNED(byte_buffer) struct byte_buffer text = {0};

    if (value->class == VALUE_INTEGER)
        convert_number_put(&text, value->integer);
    else if (value->class == VALUE_REAL)
        decimal_of_real(&text, value->real);
    else
        byte_buffer_put(&text, value->bytes, value->size);
    if (text.size == 0 || text.size > 400 || !decimal_canonical(out, text.data, text.size, NULL))
        return false;
    byte_buffer_put_u8(out, 0);
    return true;
}

/* YYYYMMDD and YYYYMMDDhhmmss, ISO's basic form, which SQLite may have made a number of. */
static bool read_packed(const void *text, size_t size, struct iso_time *time)
{
    char digits[15] = {0};

    *time = (struct iso_time){.has_date = true};
    if (size != 8 && size != 14)
        return false;
    memcpy(digits, text, size);
    if (strspn(digits, "0123456789") != size)
        return false;
    return sscanf(digits, "%4d%2d%2d%2d%2d%2d", &time->year, &time->month, &time->day, &time->hour,
               &time->minute, &time->second)
           == (size == 8 ? 3 : 6);
}

/* --- texts ---------------------------------------------------------------------------- */

static bool is_real_time(const struct iso_time *time)
{
    int second = (time->hour * 60 + time->minute) * 60 + time->second;

    return time->has_date && time->year >= 1 && time->month >= 1 && time->month <= 12
           && time->day >= 1 && time->day <= days_in(time->year, time->month) && time->minute <= 59
           && time->second <= 60 && (second < 86400 || (second == 86400 && time->digit_count == 0))
           && time->offset >= -OFFSET_MAX && time->offset <= OFFSET_MAX;
}

static enum convert_fault of_time(
    const struct type_map *map, const struct iso_time *time, int64_t *out)
{
    bool is_utc = map->kind == TYPE_TIMESTAMPTZ
                  || (map->kind == TYPE_TIMESTAMP && map->unix_time != TYPE_MAP_UNIX_NONE);

    if (!is_real_time(time))
        return CONVERT_MOMENT;
    if (time->year > YEAR_MAX)
        return CONVERT_RANGE;
    if (!is_utc && time->offset != 0 && !map->replaces_text)
        return CONVERT_TIME;
    *out = days_of(time->year, time->month, time->day) * DAY;
    /* 24:00 and 23:59:60 are of this day, too. */
    if (map->kind == TYPE_DATE)
        return iso_time_is_midnight(time) || map->replaces_text ? CONVERT_FITS : CONVERT_TIME;
    *out += (int64_t)(time->hour * 3600 + time->minute * 60 + time->second) * SECOND
            + time->microsecond;
    if (is_utc)
        *out -= time->offset * SECOND;
    return settle(map, time->rounds_up, time->digit_count > PRECISION_MAX, out);
}

static bool read_infinity(const struct value *value, int64_t *out)
{
    const char *text = (const char *)value->bytes;

    if (value->size == 8 && strncasecmp(text, "infinity", 8) == 0)
        *out = MOMENT_INFINITY;
    else if (value->size == 9 && strncasecmp(text, "-infinity", 9) == 0)
        *out = MOMENT_MINUS_INFINITY;
    else
        return false;
    return true;
}

/* --- both ------------------------------------------------------------------------------- */

enum convert_fault moment_of(const struct type_map *map, const struct value *value, int64_t *out)
{
    OWNED(byte_buffer) struct byte_buffer number = {0};
    bool is_text = value->class == VALUE_TEXT || value->class == VALUE_BLOB;
    struct iso_time time;

    if (is_text && iso_time_read(&time, value->bytes, value->size))
        return of_time(map, &time, out);
    if (is_text && read_packed(value->bytes, value->size, &time) && is_real_time(&time))
        return of_time(map, &time, out);
    if (is_text && read_infinity(value, out))
        return CONVERT_FITS;
    if (value->class == VALUE_REAL && !isfinite(value->real))
        return CONVERT_RANGE;
    if (value->class == VALUE_NULL || !read_number(value, &number))
        return is_text ? CONVERT_MOMENT : CONVERT_CLASS;
    if (map->unix_time != TYPE_MAP_UNIX_NONE)
        return of_decimal(map, (const char *)number.data, out);
    if (!is_text && read_packed(number.data, number.size - 1, &time))
        return of_time(map, &time, out);
    return CONVERT_UNIX;
}

int32_t moment_day(int64_t moment)
{
    if (moment == MOMENT_INFINITY)
        return INT32_MAX;
    return moment == MOMENT_MINUS_INFINITY ? INT32_MIN : (int32_t)floor_day(moment);
}

void moment_put(const struct type_map *map, int64_t moment, struct byte_buffer *out)
{
    int64_t day;
    int64_t rest;
    int64_t year;
    char text[64];
    int month;
    int date;
    int size;

    if (moment == MOMENT_INFINITY || moment == MOMENT_MINUS_INFINITY) {
        byte_buffer_put_text(out, moment == MOMENT_INFINITY ? "infinity" : "-infinity");
        return;
    }
    day = floor_day(moment);
    rest = moment - day * DAY;
    date_of(day, &year, &month, &date);
    size = snprintf(text, sizeof(text), "%04lld-%02d-%02d", (long long)(year < 1 ? 1 - year : year),
        month, date);
    byte_buffer_put(out, text, (size_t)size);
    if (map->kind == TYPE_DATE) {
        byte_buffer_put_text(out, year < 1 ? " BC" : "");
        return;
    }
    size = snprintf(text, sizeof(text), " %02d:%02d:%02d", (int)(rest / SECOND / 3600),
        (int)(rest / SECOND / 60 % 60), (int)(rest / SECOND % 60));
    byte_buffer_put(out, text, (size_t)size);
    size = snprintf(text, sizeof(text), ".%06d", (int)(rest % SECOND));
    byte_buffer_put(out, text, rest % SECOND == 0 ? 0 : (size_t)size);
    byte_buffer_put_text(out, map->kind == TYPE_TIMESTAMPTZ ? "+00" : "");
    byte_buffer_put_text(out, year < 1 ? " BC" : "");
}
