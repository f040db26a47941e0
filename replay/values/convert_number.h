/* Values of SQLite as numbers of PostgreSQL; see convert.h. */
#ifndef REPLAY_CONVERT_NUMBER_H
#define REPLAY_CONVERT_NUMBER_H

#include "base/byte_buffer.h"
#include "format/value.h"
#include "replay/values/convert.h"
#include "replay/values/type_map.h"

#include <stdint.h>

/* For boolean (0 and 1), int2, int4 and int8 columns. */
enum convert_fault convert_number_integer(
    const struct type_map *map, const struct value *value, int64_t *out);

/* For float4 and float8 columns. */
enum convert_fault convert_number_real(
    const struct type_map *map, const struct value *value, double *out);

/* Appends the canonical decimal of a value for a numeric column. */
enum convert_fault convert_number_decimal(
    const struct type_map *map, const struct value *value, struct byte_buffer *out);

/* Appends an integer in decimal. */
void convert_number_put(struct byte_buffer *out, int64_t number);

#endif
