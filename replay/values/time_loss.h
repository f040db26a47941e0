/*
 * What a column of type time drops of a text without a word: a date, a time zone, digits.
 *
 * PostgreSQL reads "2024-02-29 23:59:59+02:00" as a time of day, and keeps what fits. Only texts of
 * the ISO kind are judged: others are as the server reads them. Dates and timestamps are
 * moment.h's.
 */
#ifndef REPLAY_TIME_LOSS_H
#define REPLAY_TIME_LOSS_H

#include "replay/values/type_map.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True if the column, of type time (with time zone), would hold less. */
bool time_loss_occurs(const struct type_map *map, const uint8_t *text, size_t size);

#endif
