/*
 * What the operator lets through, each by an option of its own.
 */
#ifndef REPLAY_ALLOWANCES_H
#define REPLAY_ALLOWANCES_H

#include "base/command_line.h"
#include "base/error.h"
#include "profile/profile.h"

#include <stdbool.h>

/* Zero-initialise: nothing. */
struct allowances {
    bool unsafe_locale;                   /* a collation that the profile forbids */
    bool sessions;                        /* other sessions in the database */
    struct command_line_list differences; /* owned; names of the profile's facts that may differ */
    struct command_line_list unmet;       /* owned; names of its requirements that may not hold */
    struct command_line_list missing;     /* owned; tables and columns that the target may lack */
};

void allowances_release(struct allowances *allowances);

/* Is this name in the list? */
bool allowances_has(const struct command_line_list *names, const char *name);

/* Fails with ERROR_USAGE, listing the names that there are, for one that the profile lacks. */
MUST_CHECK bool allowances_check(
    const struct allowances *allowances, const struct profile *profile, struct error *err);

#endif
