/*
 * A rejected row as JSON that people can read and repair, without loss:
 *
 *     {"id": 7, "score": 1.0, "text": "a\u0000b", "name": {"text": "61ff"}, "data": {"blob":
 * "00ff"}}
 *
 * INTEGER has no point, REAL has one or is {"real": "Infinity"}; BLOB, and TEXT that
 * is not UTF-8 or has a NUL, are hexadecimal.
 */
#ifndef REPLAY_REJECT_JSON_H
#define REPLAY_REJECT_JSON_H

#include "base/arena.h"
#include "base/byte_buffer.h"
#include "base/error.h"
#include "format/schema.h"
#include "format/value.h"

#include <stddef.h>
#include <stdint.h>

/* Appends the row as one line. */
void reject_json_put(
    struct byte_buffer *out, const struct schema_table *table, const struct value *values);

/* A row that was read; everything lies in the arena. */
struct reject_json_row {
    const char **names;
    struct value *values;
    size_t count;
    size_t capacity;
};

/* Reads one object; true and false are 1 and 0. Fails with ERROR_REFUSED. */
MUST_CHECK bool reject_json_read(
    struct reject_json_row *row, struct arena *arena, const char *text, struct error *err);

/* One object of a file of rejected rows: which row it is, and its values as they stand there. */
struct reject_json_entry {
    int64_t id;
    const char *table; /* NULL: it has none; likewise: */
    const char *row;   /* canonical bytes, in hexadecimal digits */
    const char *values;
};

/*
 * Reads such a file, an array of objects; fields that are not known are skipped. Fails with
 * ERROR_USAGE, saying where.
 */
MUST_CHECK bool reject_json_read_file(struct reject_json_entry **entries, size_t *count,
    struct arena *arena, const char *text, struct error *err);

#endif
