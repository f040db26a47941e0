/*
 * How much a table will be, before it is read: a few paths through its tree are followed, and
 * what was seen there is taken for the rest. For showing progress, not for anything else: in WAL
 * mode the pages may be old ones, and a damaged tree gives any number.
 */
#ifndef DUMP_TABLE_GUESS_H
#define DUMP_TABLE_GUESS_H

#include "format/schema.h"

#include <sqlite3.h>
#include <stdint.h>

/*
 * Sets sizes[i], for each table of the schema, to about the canonical bytes of its rows. 0: it has
 * none, or they cannot be guessed.
 */
void table_guess_sizes(uint64_t *sizes, sqlite3 *db, const struct schema *schema);

#endif
