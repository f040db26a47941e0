/*
 * Values of SQLite as values of PostgreSQL.
 *
 * A conversion keeps the value or fails; it never changes one (only float4
 * rounds, and NUL is replaced where a rule says so; with replaces_text what a date or time type
 * does not hold is dropped). docs/types.md has the table.
 */
#ifndef REPLAY_CONVERT_H
#define REPLAY_CONVERT_H

#include "base/byte_buffer.h"
#include "format/value.h"
#include "replay/values/type_map.h"

#include <stdbool.h>
#include <stdint.h>

/* Why a value does not fit. */
enum convert_fault {
    CONVERT_FITS,
    CONVERT_NULL,
    CONVERT_CLASS,
    CONVERT_RANGE,
    CONVERT_FRACTION,
    CONVERT_BOOLEAN,
    CONVERT_NUL,
    CONVERT_UTF8,
    CONVERT_LENGTH,
    CONVERT_JSON,
    CONVERT_UUID,
    CONVERT_NUMBER,
    CONVERT_PRECISION,
    CONVERT_LABEL,
    CONVERT_TIME,
    CONVERT_MOMENT,
    CONVERT_UNIX,
    CONVERT_DURATION,
    CONVERT_FAULT_COUNT,
};

/* "holds NULL, but the target has NOT NULL", ... */
const char *convert_fault_text(enum convert_fault fault);

/*
 * Appends one field of a binary COPY tuple: length and bytes. When the value does not fit, what
 * was appended is undefined. Not for columns without a binary form.
 */
enum convert_fault convert_binary(
    const struct type_map *map, const struct value *value, struct byte_buffer *out);

/* Appends one field of a COPY text line, escaped. */
enum convert_fault convert_text(
    const struct type_map *map, const struct value *value, struct byte_buffer *out);

/* Appends the binary field that reading the value back with type_map_probe_sql() must yield. */
enum convert_fault convert_probe(
    const struct type_map *map, const struct value *value, struct byte_buffer *out);

/*
 * Appends the form in which probes are compared: jsonb and numeric by meaning, char(n) without
 * padding, others as they are. size -1 is NULL. False when the bytes are not of the type.
 */
bool convert_normalise(
    const struct type_map *map, const uint8_t *bytes, int32_t size, struct byte_buffer *out);

#endif
