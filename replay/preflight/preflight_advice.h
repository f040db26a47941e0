/*
 * What to do about rows that do not fit.
 */
#ifndef REPLAY_PREFLIGHT_ADVICE_H
#define REPLAY_PREFLIGHT_ADVICE_H

#include "replay/preflight/preflight.h"

/* Rows that a column of a table does not take. */
struct preflight_advice {
    const char *table;
    const char *column;
    const char *repair; /* NULL: the usual one */
    const char *left;   /* which rows a full dump leaves out then; may be empty */
    bool is_replaceable;
};

/* Lives in the problems' arena. A delta leaves no row out, so it is not proposed there. */
const char *preflight_advice(
    const struct preflight *preflight, const struct preflight_advice *about);

#endif
