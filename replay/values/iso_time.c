#include "replay/values/iso_time.h"

#include <string.h>
#include <strings.h>

#define MICROSECOND_DIGITS 6
#define ZONE_NAME_MAX 6 /* letters of "CEST" and the like */

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
    time->has_date = take_number(rest, 4, 6, &time->year) && take(rest, "-")
                     && take_number(rest, 1, 2, &time->month) && take(rest, "-")
                     && take_number(rest, 1, 2, &time->day);
    return time->has_date;
}

static void take_fraction(struct rest *rest, struct iso_time *time)
{
    int count = 0;

    for (; is_digit(rest); rest->at++) {
        int digit = *rest->at - '0';

        count++;
        if (count <= MICROSECOND_DIGITS)
            time->microsecond = time->microsecond * 10 + digit;
        else if (count == MICROSECOND_DIGITS + 1)
            time->rounds_up = digit >= 5;
        if (digit != 0)
            time->digit_count = count;
    }
    for (; count < MICROSECOND_DIGITS; count++)
        time->microsecond *= 10;
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
    if (!take_number(rest, 1, 4, &part) || rest->at - begin == 3)
        return false;
    time->offset = rest->at - begin == 4 ? (part / 100 * 60 + part % 100) * 60 : part * 3600;
    for (int unit = 60; unit > 0 && take(rest, ":"); unit /= 60) {
        if (!take_number(rest, 2, 2, &part))
            return false;
        time->offset += part * unit;
    }
    time->offset = is_west ? -time->offset : time->offset;
    return true;
}

/* " CEST", or " +0200" where Go knows no name, and " m=+0.012345": it says nothing new. */
static void skip_zone_name(struct rest *rest)
{
    const char *at = rest->at;
    int count = 0;

    while (at < rest->end && *at == ' ')
        at++;
    if (at == rest->at || at == rest->end)
        return;
    while (at < rest->end && count <= ZONE_NAME_MAX
           && ((*at >= 'A' && *at <= 'Z') || memchr("+-0123456789", *at, 12) != NULL)) {
        at++;
        count++;
    }
    if (count == 0 || count > ZONE_NAME_MAX)
        return;
    if (rest->end - at > 3 && memcmp(at, " m=", 3) == 0)
        at = rest->end;
    rest->at = at;
}

/* Nothing, Z, UTC, GMT, or an offset. */
static bool take_zone(struct rest *rest, struct iso_time *time)
{
    if (rest->at == rest->end || take_word(rest, "Z") || take_word(rest, "UTC")
        || take_word(rest, "GMT"))
        return true;
    if (!take_offset(rest, time))
        return false;
    skip_zone_name(rest);
    return true;
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
    if (take_date(&rest, out)) {
        (void)take(&rest, "Tt");
        skip_spaces(&rest);
    } else {
        rest.at = begin;
    }
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
