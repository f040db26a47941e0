/*
 * What of a table only the server can judge, and the temporary table in which it does.
 *
 * The temporary table has the name of the real one, so that the server's
 * messages read as if it were; of the columns only those that matter.
 */
#ifndef REPLAY_TRIAL_PLAN_H
#define REPLAY_TRIAL_PLAN_H

#include "replay/preflight/preflight.h"

/* One trial. Everything but `columns` lies in the arena of the problems. */
struct trial {
    const struct preflight *preflight;
    struct plan_table *table;
    struct copy_column *columns; /* owned: what is sent */
    size_t column_count;
    const char *create;  /* SQL: the table with its CHECKs */
    const char *indexes; /* SQL: what can be made when the rows are there */
    /* Which rows take part: NULL and NULL: all. */
    const struct copy_column *opaque; /* those whose value here may be none of its type */
    bool is_of_size;                  /* those whose columns together may be too large to index */
    bool needs_all_rows_at_once;      /* rows are compared with each other */
    bool rejects;                     /* what is refused is rejected whatever the policy */
    const char *index_name;           /* of a trial of sizes; NULL: other */
};

/* Zero-initialise. */
struct trial_plan {
    struct trial *items; /* owned */
    size_t count;
};

void trial_plan_make(struct trial_plan *plan, const struct preflight *preflight);
void trial_plan_release(struct trial_plan *plan);

/* Bytes of the columns together from which an index may refuse a row. */
#define TRIAL_PLAN_SIZE_MIN 2400

/* True if the text of a definition names the column. May say so of other words. */
bool trial_plan_mentions(const char *definition, const struct target_column *column);

#endif
