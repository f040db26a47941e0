/*
 * What an option says of a column: words like "reject" (overall) and "table.column=reject".
 *
 * Of several words for the same the last one counts; names are compared without regard to case, and
 * may have any character.
 */
#ifndef REPLAY_COLUMN_WORDS_H
#define REPLAY_COLUMN_WORDS_H

#include "base/command_line.h"
#include "base/error.h"
#include "replay/target/target_catalog.h"

#include <stdbool.h>

/* What a word says; borrowed from it. */
const char *column_words_said(const char *word);

/* False for a word like "column=reject", without a table. */
bool column_words_is_formed(const char *word);

/* What is said of a column, or (table NULL) overall; NULL: nothing. Borrowed from the list. */
const char *column_words_of(
    const struct command_line_list *words, const char *table, const char *column);

/* Fails with ERROR_USAGE when a word of the option names a column that the target does not have. */
MUST_CHECK bool column_words_check_columns(const struct command_line_list *words,
    const char *option, const struct target_catalog *catalog, struct error *err);

#endif
