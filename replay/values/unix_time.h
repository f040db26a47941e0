/*
 * What the numbers in a column of dates or timestamps count, which nobody can see from them.
 *
 * Said overall or for a column, on the command line or in the profile; a column
 * beats overall, then the command line beats the profile.
 */
#ifndef REPLAY_UNIX_TIME_H
#define REPLAY_UNIX_TIME_H

#include "base/arena.h"
#include "base/error.h"
#include "replay/values/type_map.h"
#include "replay/values/value_policy.h"

/* Fails with ERROR_USAGE when one of the words is no unit. */
MUST_CHECK bool unix_time_check(const struct value_policies *policies, struct error *err);

enum type_map_unix unix_time_of(
    const struct value_policies *policies, const char *table, const char *column);

/* "--unix-time 'table.column=seconds'", as a shell takes it; lives in the arena. */
const char *unix_time_option(struct arena *arena, const char *table, const char *column);

#endif
