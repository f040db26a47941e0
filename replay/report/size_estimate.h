/*
 * How much disk a table will take, from the dump's facts and the target's catalog.
 *
 * The dump knows how many values of which class a column has and how long the longest is, not how
 * long all of them are together: that is known of the table. What depends on the values (how well
 * they compress, how often they repeat in an index, whom a partial index leaves out) makes
 * the distance between the smallest and the largest answer.
 */
#ifndef REPLAY_SIZE_ESTIMATE_H
#define REPLAY_SIZE_ESTIMATE_H

#include "base/arena.h"
#include "format/dump_reader.h"
#include "replay/plan/plan.h"

#include <stdint.h>

/* Bytes: at least and at most, about. */
struct size_range {
    uint64_t min;
    uint64_t max;
};

void size_estimate_add(struct size_range *to, const struct size_range *more);

struct size_estimate {
    struct size_range table; /* with what PostgreSQL stores aside, and its maps */
    struct size_range indexes;
    uint64_t index_size_max; /* the largest of them */
};

/* What sizes follow from. */
struct size_estimate_input {
    const struct dump_reader *reader;
    int version_num;     /* of the server */
    struct arena *arena; /* for what is needed meanwhile */
};

/* Of the rows that the dump brings to a table with a source, row_count of them. */
void size_estimate_of(struct size_estimate *estimate, const struct size_estimate_input *input,
    const struct plan_table *table, uint64_t row_count);

#endif
