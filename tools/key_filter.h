/* Which rows a user asked for: those whose columns have the given values. */
#ifndef TOOLS_KEY_FILTER_H
#define TOOLS_KEY_FILTER_H

#include "base/command_line.h"
#include "base/error.h"
#include "format/schema.h"
#include "format/value.h"

#include <stdbool.h>

struct key_filter_condition; /* internal */

/* Zero-initialise. Without conditions it accepts every row. */
struct key_filter {
    struct key_filter_condition *conditions; /* owned */
    size_t count;
};

/*
 * Reads conditions of the form COLUMN=VALUE, borrowed. Fails with ERROR_USAGE when one
 * has another form or the table has no such column.
 */
MUST_CHECK bool key_filter_open(struct key_filter *filter, const struct schema_table *table,
    const struct command_line_list *conditions, struct error *err);

void key_filter_release(struct key_filter *filter);

/* VALUE is a TEXT's bytes, a number, a BLOB as X'00ff', or NULL. */
bool key_filter_accepts(const struct key_filter *filter, const struct value *values);

#endif
