/*
 * Times of day that PostgreSQL surely reads, so that nobody needs to ask it: "23:59:59.123".
 */
#ifndef REPLAY_PLAIN_TIME_H
#define REPLAY_PLAIN_TIME_H

#include "format/value.h"
#include "replay/values/type_map.h"

/* True if the value, in a column of type time, is one. */
bool plain_time_fits(const struct type_map *map, const struct value *value);

#endif
