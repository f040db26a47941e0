/*
 * Rows tried out on the server, in a temporary table that nobody else sees and
 * that is rolled back: first all at once; if it refuses something, in ever
 * smaller pieces, until each row that it refuses is known, and why.
 */
#ifndef REPLAY_TRIAL_H
#define REPLAY_TRIAL_H

#include "base/error.h"
#include "replay/preflight/trial_plan.h"
#include "replay/values/source_rows.h"

/* A row that was refused. */
struct trial_refusal {
    uint64_t row; /* of those that took part, from 1 */
    const char *sqlstate;
    const char *constraint; /* or index; "": the server names none */
    const char *message;
};

/* Zero-initialise. Texts lie in the arena of the problems. */
struct trial_result {
    struct trial_refusal *items; /* owned; in the order of rows */
    size_t count;
    const char *failure; /* the trial was not possible, as the server says; NULL: it was */
    bool lacks_name;     /* that is why */
};

void trial_result_release(struct trial_result *result);

/* Tries all rows that take part. Fails when connection or dump do. */
MUST_CHECK bool trial_run(
    const struct trial *trial, struct trial_result *result, struct error *err);

/*
 * In the caller's transaction: makes the temporary table pg_temp."name", with a column valise_row
 * that counts from 1, and the trial's columns as the texts c0, c1, ...; sends all rows that take
 * part. The caller gives them their types: trial_put_staged() writes alias.c0::type.
 */
MUST_CHECK bool trial_stage(const struct trial *trial, const char *name, struct error *err);
void trial_put_staged(
    struct byte_buffer *sql, const struct trial *trial, const char *alias, size_t column);

/* Does it say that an expression of the target called something, and that found no function, table
   or type of a name? That is no matter of values. */
bool trial_lacks_name(const char *sqlstate);

/* True if the server refused something, and the connection still works. */
bool trial_is_verdict(const struct trial *trial, const struct error *err);

/* --- the rows that take part ------------------------------------------------ */

struct trial_rows {
    const struct trial *trial;
    struct source_rows source;
    struct copy_encoder encoder; /* its data are what was encoded since it was emptied */
};

/* All of them, or those of `count` blocks from number `first`. Zero-initialise. */
void trial_rows_begin(struct trial_rows *rows, const struct trial *trial);
void trial_rows_begin_blocks(
    struct trial_rows *rows, const struct trial *trial, size_t first, size_t count);
void trial_rows_release(struct trial_rows *rows);

/* As source_rows_next(); what is rejected or does not fit anyway takes no part. */
MUST_CHECK bool trial_rows_next(
    struct trial_rows *rows, const struct value **values, struct error *err);

#endif
