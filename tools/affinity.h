/*
 * SQLite's column affinity (https://www.sqlite.org/datatype3.html, 3.1): what a
 * column makes of a value that is stored in it.
 */
#ifndef TOOLS_AFFINITY_H
#define TOOLS_AFFINITY_H

#include "format/schema.h"
#include "format/value.h"

#include <stdbool.h>

enum affinity {
    AFFINITY_BLOB, /* none: changes nothing */
    AFFINITY_TEXT,
    AFFINITY_NUMERIC,
    AFFINITY_INTEGER,
    AFFINITY_REAL,
};

enum affinity affinity_of(const struct schema_table *table, const struct schema_column *column);

/* False only if such a column certainly stores the value as it is. */
bool affinity_may_change(enum affinity affinity, const struct value *value);

#endif
