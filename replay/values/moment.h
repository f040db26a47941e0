/*
 * Values of SQLite as dates and timestamps of PostgreSQL.
 *
 * Texts of the ISO kind (iso_time.h), and numbers where it is said what they count since 1970. They
 * are read here and not by the server, so that every one of them can be compared when it is read
 * back. Not like the server: words such as "today", and forms that depend on settings (1/8/1999),
 * are refused.
 */
#ifndef REPLAY_MOMENT_H
#define REPLAY_MOMENT_H

#include "base/byte_buffer.h"
#include "format/value.h"
#include "replay/values/convert.h"
#include "replay/values/type_map.h"

#include <stdint.h>

#define MOMENT_INFINITY INT64_MAX
#define MOMENT_MINUS_INFINITY INT64_MIN

/*
 * Microseconds since 2000-01-01, as PostgreSQL counts them, or one of the infinities; for a date
 * its midnight. Timestamps with time zone are in UTC; those without are, where it is said what
 * numbers count, else they are what the text says. Of what the type does not hold nothing is
 * dropped, unless the column has replaces_text.
 */
enum convert_fault moment_of(const struct type_map *map, const struct value *value, int64_t *out);

/* The binary form of a date: days since 2000-01-01. */
int32_t moment_day(int64_t moment);

/* Appends the text of it, as every server reads it. */
void moment_put(const struct type_map *map, int64_t moment, struct byte_buffer *out);

#endif
