/*
 * The rows of a dump as a virtual table of SQLite, so that one statement,
 *
 *     INSERT INTO t SELECT c0, c1, ... FROM temp.valise_rows_N
 *
 * takes in a whole table: what a statement for each row costs falls away.
 */
#ifndef TOOLS_RESTORE_FEED_H
#define TOOLS_RESTORE_FEED_H

#include "base/byte_buffer.h"
#include "base/error.h"
#include "format/chain_scan.h"
#include "tools/affinity.h"
#include "tools/sqlite_file.h"
#include "watch/progress_task.h"

/* What the virtual table yields; stays where it is in memory while its file is open. */
struct restore_feed {
    struct sqlite_file *file;         /* borrowed */
    const struct chain *chain;        /* borrowed */
    struct chain_scan scan;           /* of the table being read */
    const struct schema_table *table; /* likewise */
    enum affinity *affinities;        /* owned, of its columns; NULL: not to be watched */
    bool is_at_risk; /* a value was seen that SQLite may convert to its column's affinity */
    struct progress_task *task; /* told of rows; NULL: nobody */
    bool has_failed;            /* reading failed, with: */
    struct error failure;
};

void restore_feed_release(struct restore_feed *feed);

/* Makes the module known to the file, which is to be filled from the chain. */
MUST_CHECK bool restore_feed_init(struct restore_feed *feed, struct sqlite_file *file,
    const struct chain *chain, struct error *err);

/* Gives memory back until the next begin. */
void restore_feed_rest(struct restore_feed *feed);

/*
 * Begins with the table of that ordinal, and appends the name of the virtual table that yields its
 * rows once. watches: see is_at_risk. Fails with ERROR_CORRUPT, ERROR_IO, ERROR_DATABASE.
 */
MUST_CHECK bool restore_feed_begin(struct restore_feed *feed, uint32_t ordinal, bool watches,
    struct byte_buffer *name, struct error *err);

#endif
