/*
 * What to do with values that do not fit the target: stop, reject, replace.
 *
 * Said overall or for a column, on the command line or in the profile; a column
 * beats overall, then the command line beats the profile.
 */
#ifndef REPLAY_VALUE_POLICY_H
#define REPLAY_VALUE_POLICY_H

#include "base/arena.h"
#include "base/command_line.h"
#include "base/error.h"
#include "profile/profile.h"
#include "replay/target/target_catalog.h"

enum value_policy {
    VALUE_POLICY_STOP,    /* nothing is loaded */
    VALUE_POLICY_REJECT,  /* the row is kept elsewhere (rejects.h) */
    VALUE_POLICY_REPLACE, /* NUL by a text, invalid UTF-8 by U+FFFD, times by what is kept of them
                           */
};

#define VALUE_POLICY_NUL_TEXT "\xef\xbf\xbd" /* U+FFFD */

/* Where the answers come from; all borrowed. */
struct value_policies {
    const struct command_line_list *words;      /* "reject", "table.column=replace", ... */
    const struct command_line_list *unix_times; /* "seconds", "table.column=milliseconds", ... */
    const struct profile *profile;
    const char *nul_text; /* for NUL under "replace" */
};

/* Fails with ERROR_USAGE when one of the words is no policy. */
MUST_CHECK bool value_policy_check(const struct value_policies *policies, struct error *err);

/* Fails with ERROR_USAGE when a word, of the unix times too, names a column that the target does
 * not have. */
MUST_CHECK bool value_policy_check_columns(
    const struct value_policies *policies, const struct target_catalog *catalog, struct error *err);

/* "--on-bad-value 'table.column=reject'", as a shell takes it; lives in the arena. */
const char *value_policy_reject_option(struct arena *arena, const char *table, const char *column);

enum value_policy value_policy_of(
    const struct value_policies *policies, const char *table, const char *column);

#endif
