/*
 * What a column of the target can hold.
 *
 * docs/types.md is the table of it. What does not fit is found before
 * loading, from the dump's facts or by converting every value once (convert.h).
 */
#ifndef REPLAY_TYPE_MAP_H
#define REPLAY_TYPE_MAP_H

#include "base/byte_buffer.h"
#include "format/table_end.h"
#include "replay/target/target_catalog.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum type_kind {
    TYPE_BOOLEAN,
    TYPE_INT2,
    TYPE_INT4,
    TYPE_INT8,
    TYPE_FLOAT4,
    TYPE_FLOAT8,
    TYPE_NUMERIC,
    TYPE_TEXT, /* text, varchar, char(n), name, citext, enums */
    TYPE_BYTEA,
    TYPE_JSON,
    TYPE_JSONB,
    TYPE_UUID,
    TYPE_DATE,
    TYPE_TIMESTAMP,
    TYPE_TIMESTAMPTZ,
    TYPE_OTHER, /* the server reads its text form */
};

/* What numbers count since 1970, in a column of dates or timestamps. */
enum type_map_unix {
    TYPE_MAP_UNIX_NONE, /* not said: they are refused */
    TYPE_MAP_UNIX_SECONDS,
    TYPE_MAP_UNIX_MILLISECONDS,
    TYPE_MAP_UNIX_MICROSECONDS,
    TYPE_MAP_UNIX_NANOSECONDS,
};

/* One column. What is in `column` is borrowed from the catalog. */
struct type_map {
    enum type_kind kind;
    const struct target_column *column;
    bool is_not_null;
    bool is_padded;      /* char(n): spaces at the end do not count */
    bool trusts_text;    /* the facts say that no TEXT is invalid: not looked at again */
    uint32_t length_max; /* characters; 0: any */
    uint32_t size_max;   /* bytes; 0: any */
    uint32_t precision;  /* of numeric(p,s); 0: any */
    int32_t scale;
    const char *nul_replacement; /* for a NUL in TEXT; NULL: refuse */
    bool replaces_text;          /* invalid UTF-8 by U+FFFD; replaced values are counted */
    enum type_map_unix unix_time;
    bool rejects; /* rows with values that do not fit are left out */
};

void type_map_of(struct type_map *map, const struct target_column *column);

/* True of date and timestamp (with time zone). */
bool type_map_is_moment(const struct type_map *map);

/* True if what numbers count matters: also of interval. */
bool type_map_takes_unix_time(const struct type_map *map);

/* True if COPY BINARY can carry the column. */
bool type_map_has_binary(const struct type_map *map);

/* True unless the facts alone prove that every value fits. */
bool type_map_may_fail(const struct type_map *map, const struct column_facts *facts);

/*
 * Appends the expression that reads the column back for verification. Its binary form is
 * what convert_probe() predicts.
 */
void type_map_probe_sql(const struct type_map *map, struct byte_buffer *out);

/* True if probes are compared byte for byte as sent. */
bool type_map_is_exact(const struct type_map *map);

/* True if only NULL or not NULL can be compared. */
bool type_map_is_opaque(const struct type_map *map);

#endif
