/* Is a table as in the dump, and which row is not. */
#ifndef REPLAY_ROW_DIFFERENCE_H
#define REPLAY_ROW_DIFFERENCE_H

#include "base/error.h"
#include "format/dump_reader.h"
#include "postgres/connection.h"
#include "replay/plan/plan.h"
#include "replay/values/row_words.h"

/*
 * Reads the table of the target and that of the full dump: `where` gets the key of the first row of
 * the dump that the target does not have as it is there. "" when there is none, or when the table
 * is so large that its rows' hashes would not fit into a reasonable memory.
 */
MUST_CHECK bool row_difference_find(const struct dump_reader *reader,
    const struct plan_table *table, struct connection *connection, char where[ROW_WORDS_KEY_SIZE],
    struct error *err);

/*
 * Does the table of the target hold the rows of the full dump, and nothing else? False also where
 * that cannot be known: a column that the dump lacks, or of which only NULL is compared.
 */
MUST_CHECK bool row_difference_is_none(const struct dump_reader *reader,
    const struct plan_table *table, struct connection *connection, bool *out, struct error *err);

#endif
