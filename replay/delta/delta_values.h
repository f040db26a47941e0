/*
 * A few changed rows as values of the statements that need them.
 *
 * Making a temporary table takes longer than all else that is done with a few
 * rows, and a delta changes many tables by a few rows each. Every column is one
 * value, an array, and they are never part of the SQL: servers log that.
 */
#ifndef REPLAY_DELTA_VALUES_H
#define REPLAY_DELTA_VALUES_H

#include "base/error.h"
#include "replay/delta/delta_plan.h"
#include "replay/values/source_rows.h"
#include "watch/progress_task.h"

/* Are these rows of the table so few, and of types that arrays can hold? */
bool delta_values_fit(
    const struct delta_plan *plan, const struct delta_table *table, enum source_rows_part part);

/* The rows to read, and what became of them. */
struct delta_values {
    struct delta_plan *plan;
    enum source_rows_part part;
    struct progress_task *task; /* told of rows */
    const char *from;           /* result, in the arena: the query over them */
    uint64_t row_count;         /* result */
    struct hash128 sum;         /* result */
};

/* Adds the rows' columns to the table's values. Fails as copy_encoder_row(). */
MUST_CHECK bool delta_values_read(
    struct delta_values *values, struct delta_table *table, struct error *err);

#endif
