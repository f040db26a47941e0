#include "replay/values/iso_time.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#define MICROSECOND_DIGITS 6
#define EXACT_DIGITS 15 /* of a whole number that a double surely holds */
#define ZONE_NAME_MIN 3 /* letters of "CEST" and the like; "BC" and "PM" are none */
#define ZONE_NAME_MAX 6

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

/* From min to max digits. */
static bool take_number(struct rest *rest, int min, int max, int *out)
{
    int count = 0;

    *out = 0;
    for (; count < max && is_digit(rest); count++)
        *out = *out * 10 + (*rest->at++ - '0');
    return count >= min;
}

static bool take_date(struct rest *rest, struct iso_time *time)
{
    const char *separator = "-";

    if (!take_number(rest, 4, 6, &time->year))
        return false;
    if (rest->at < rest->end && *rest->at == '/')
        separator = "/";
    time->has_date = take(rest, separator) && take_number(rest, 1, 2, &time->month)
                     && take(rest, separator) && take_number(rest, 1, 2, &time->day);
    return time->has_date;
}

/* Does the server take one microsecond more? It multiplies a double, and of two as near takes the
   even one. */
static bool rounds_up(const struct iso_time *time, int64_t digits, int count)
{
    double scale = 1;

    for (int i = 0; i < count; i++)
        scale *= 10;
    return rint((double)digits / scale * 1e6) > time->microsecond;
}

static void take_fraction(struct rest *rest, struct iso_time *time)
{
    int64_t digits = 0;
    int kept = 0;
    int count = 0;

    for (; is_digit(rest); rest->at++) {
        int digit = *rest->at - '0';

        count++;
        if (count <= MICROSECOND_DIGITS)
            time->microsecond = time->microsecond * 10 + digit;
        if (count <= EXACT_DIGITS) {
            digits = digits * 10 + digit;
            kept = count;
        }
        if (digit != 0)
            time->digit_count = count;
    }
    for (; count < MICROSECOND_DIGITS; count++)
        time->microsecond *= 10;
    time->rounds_up = time->digit_count > MICROSECOND_DIGITS && rounds_up(time, digits, kept);
}

static bool take_time(struct rest *rest, struct iso_time *time)
{
    time->has_time = true;
    if (!take_number(rest, 1, 2, &time->hour) || !take(rest, ":")
        || !take_number(rest, 2, 2, &time->minute))
        return false;
    if (!take(rest, ":"))
        return true;
    if (!take_number(rest, 2, 2, &time->second))
        return false;
    if (take(rest, ".,"))
        take_fraction(rest, time);
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

/* +H, +HH, +HHMM, +HH:MM, +HH:MM:SS, or with -. */
static bool take_offset(struct rest *rest, struct iso_time *time)
{
    bool is_west = rest->at < rest->end && *rest->at == '-';
    const char *begin;
    int part;

    if (!take(rest, "+-"))
        return false;
    begin = rest->at;
    if (!take_number(rest, 1, 4, &part) || rest->at - begin == 3
        || (rest->at - begin == 4 && part % 100 > 59))
        return false;
    time->offset = rest->at - begin == 4 ? (part / 100 * 60 + part % 100) * 60 : part * 3600;
    for (int unit = 60; unit > 0 && take(rest, ":"); unit /= 60) {
        if (!take_number(rest, 2, 2, &part) || part > 59)
            return false;
        time->offset += part * unit;
    }
    time->offset = is_west ? -time->offset : time->offset;
    return true;
}

/* Such as CEST. To the server those that are left out here mean another moment. */
static bool take_zone_name(struct rest *rest)
{
    static const char *const others[] = {"DST", "EPOCH", "NOW", "TODAY"};
    const char *begin = rest->at;
    size_t size;

    while (rest->at < rest->end && *rest->at >= 'A' && *rest->at <= 'Z')
        rest->at++;
    size = (size_t)(rest->at - begin);
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        if (size == strlen(others[i]) && memcmp(begin, others[i], size) == 0)
            return false;
    return size >= ZONE_NAME_MIN && size <= ZONE_NAME_MAX;
}

/* " CEST", or the offset once more where Go knows no name, and " m=+0.012345": nothing new. */
static bool skip_zone_name(struct rest *rest, const struct iso_time *time)
{
    struct iso_time again = {0};

    if (!take(rest, " "))
        return true;
    skip_spaces(rest);
    if (!(take_offset(rest, &again) ? again.offset == time->offset : take_zone_name(rest)))
        return false;
    if (rest->end - rest->at > 3 && memcmp(rest->at, " m=", 3) == 0)
        for (rest->at += 3; take(rest, "+-.0123456789");)
            continue;
    return true;
}

/* Nothing, Z, UTC, GMT, or an offset. */
static bool take_zone(struct rest *rest, struct iso_time *time)
{
    if (rest->at == rest->end || take_word(rest, "Z") || take_word(rest, "UTC")
        || take_word(rest, "GMT"))
        return true;
    return take_offset(rest, time) && skip_zone_name(rest, time);
}

bool iso_time_read(struct iso_time *out, const void *text, size_t size)
{
    struct rest rest = {text, (const char *)text + size};
    const char *begin;

    *out = (struct iso_time){0};
    while (rest.end > rest.at && rest.end[-1] == ' ')
        rest.end--;
    skip_spaces(&rest);
    begin = rest.at;
    if (!take_date(&rest, out))
        rest.at = begin;
    /* In 2024-6-010:00 the day is not plain, nor in 2024-06-01-12:00 what the second half is. */
    else if (is_digit(&rest) || (rest.at < rest.end && *rest.at == '-'))
        return false;
    else
        (void)take(&rest, "Tt");
    skip_spaces(&rest);
    if (is_digit(&rest) && !take_time(&rest, out))
        return false;
    if (!out->has_date && !out->has_time)
        return false;
    skip_spaces(&rest);
    return take_zone(&rest, out) && rest.at == rest.end;
}

bool iso_time_is_midnight(const struct iso_time *time)
{
    return time->hour == 0 && time->minute == 0 && time->second == 0 && time->digit_count == 0;
}
