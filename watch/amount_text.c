#include "watch/amount_text.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

const char *amount_text_size(char text[AMOUNT_TEXT_ROOM], uint64_t size)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    double number = (double)size;
    size_t unit = 0;

    while (number >= 999.95 && unit + 1 < sizeof(units) / sizeof(*units)) {
        number /= 1000;
        unit++;
    }
    snprintf(text, AMOUNT_TEXT_ROOM, unit == 0 ? "%.0f %s" : "%.1f %s", number, units[unit]);
    return text;
}

const char *amount_text_count(char text[AMOUNT_TEXT_ROOM], uint64_t count)
{
    static const char units[] = "kMGTPE";
    double number = (double)count / 1000;
    size_t unit = 0;

    if (count < 10000) {
        snprintf(text, AMOUNT_TEXT_ROOM, "%" PRIu64, count);
        return text;
    }
    while (number >= 999.95 && units[unit + 1] != '\0') {
        number /= 1000;
        unit++;
    }
    snprintf(text, AMOUNT_TEXT_ROOM, "%.1f%c", number, units[unit]);
    return text;
}

#define SECONDS_MAX 1e9 /* thirty years */

const char *amount_text_duration(char text[AMOUNT_TEXT_ROOM], double seconds)
{
    unsigned whole;

    if (!(seconds >= 0)) {
        snprintf(text, AMOUNT_TEXT_ROOM, "?");
        return text;
    }
    whole = (unsigned)(seconds > SECONDS_MAX ? SECONDS_MAX : seconds + 0.5);
    if (whole < 60)
        snprintf(text, AMOUNT_TEXT_ROOM, "%u s", whole);
    else if (whole < 3600)
        snprintf(text, AMOUNT_TEXT_ROOM, "%u min %02u s", whole / 60, whole % 60);
    else if (whole < 86400)
        snprintf(text, AMOUNT_TEXT_ROOM, "%u h %02u min", whole / 3600, whole / 60 % 60);
    else
        snprintf(text, AMOUNT_TEXT_ROOM, "%u d %02u h", whole / 86400, whole / 3600 % 24);
    return text;
}
