/*
 * Changes a generated database as a few weeks of use do: new rows at the end,
 * changes mostly among the newest rows, some events purged.
 */
#ifndef BENCH_SYNTHETIC_MUTATION_H
#define BENCH_SYNTHETIC_MUTATION_H

#include "base/error.h"

#include <sqlite3.h>
#include <stdint.h>

/* Rows to change in each large table, in millionths of its rows. */
struct synthetic_mutation {
    const char *tables; /* ",a,b,": only these; NULL: all */
    uint32_t update_millionths;
    uint32_t insert_millionths;
    uint32_t delete_millionths;
    uint64_t seed;
};

/* What was done, counted over all tables. */
struct synthetic_mutation_counts {
    int64_t updated;
    int64_t inserted;
    int64_t deleted;
};

/* Changes the database. Foreign keys still hold after it, if tables has events whenever it has
   event_edges. Fails with ERROR_DATABASE. */
MUST_CHECK bool synthetic_mutation_apply(sqlite3 *database,
    const struct synthetic_mutation *mutation, struct synthetic_mutation_counts *counts,
    struct error *err);

#endif
