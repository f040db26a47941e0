/*
 * What the target lacks: tables and columns of the dump that may go nowhere.
 *
 * Applications leave dead columns behind in SQLite, which cannot always drop them. Which they are
 * is said by --allow-missing, or in the profile. What the target has cannot be left out.
 */
#ifndef REPLAY_MISSING_H
#define REPLAY_MISSING_H

#include "base/arena.h"
#include "base/command_line.h"
#include "base/error.h"
#include "format/dump_reader.h"
#include "profile/profile.h"
#include "replay/target/target_catalog.h"

#include <stdbool.h>

/*
 * May the table, or (column not NULL) this column of it, be left out? words are "table" and
 * "table.column", NULL for none; rule is the profile's, NULL for none.
 */
bool missing_is_allowed(const struct command_line_list *words, const struct profile_table *rule,
    const char *table, const char *column);

/* What to do about it: the advice, and the option; lives in the arena. */
const char *missing_advice(
    struct arena *arena, const char *advice, const char *table, const char *column);

/* Fails with ERROR_USAGE when a word names what a full dump lacks, or what the target has. */
MUST_CHECK bool missing_check(const struct command_line_list *words,
    const struct dump_reader *reader, const struct target_catalog *catalog, struct error *err);

#endif
