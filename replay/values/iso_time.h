/*
 * Dates and times as texts of the ISO kind say them: "2024-02-29 23:59:59.5+02:00", and what
 * programs make of that: one digit for a month, "T", no seconds, "+0200 CEST" as Go has it.
 *
 * What it says is read, not judged: February may have 31 days here.
 */
#ifndef REPLAY_ISO_TIME_H
#define REPLAY_ISO_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct iso_time {
    bool has_date;
    bool has_time;
    int year; /* 0 to 999999 */
    int month;
    int day;
    int hour;
    int minute;
    int second;
    int microsecond; /* the first six digits of the fraction */
    bool rounds_up;  /* by what follows them, as the server does */
    int digit_count; /* of the fraction, without zeros at its end */
    int offset;      /* seconds east of UTC; none said: 0 */
};

/* False for a text of another kind. */
bool iso_time_read(struct iso_time *out, const void *text, size_t size);

/* True at 0:00, or where no time of day is said. */
bool iso_time_is_midnight(const struct iso_time *time);

#endif
