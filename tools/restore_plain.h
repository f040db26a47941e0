/*
 * A table without types and constraints that stands for another while it is
 * loaded, so that SQLite stores every value as it is and keeps no index; then
 * the two swap their pages, this one is dropped and the indexes are built.
 */
#ifndef TOOLS_RESTORE_PLAIN_H
#define TOOLS_RESTORE_PLAIN_H

#include "base/error.h"
#include "format/schema.h"
#include "tools/sqlite_file.h"
#include "watch/progress.h"

/* Zero-initialise. */
struct restore_plain {
    struct sqlite_file *file;         /* borrowed */
    const struct schema_table *table; /* borrowed: the one it stands for */
    struct schema_text name;
    struct byte_buffer text; /* of the name */
};

/*
 * Creates it, empty: the same columns without the virtual generated ones, and a key
 * only where the table's pages are in its order. Fails with ERROR_DATABASE.
 */
MUST_CHECK bool restore_plain_create(struct restore_plain *plain, struct sqlite_file *file,
    const struct schema_table *table, struct error *err);

/*
 * Gives the pages of each of the plain tables that was created (others are left alone) to its
 * table, which must be empty, and drops it; then builds these tables' own indexes, each table's
 * an item of the phase "index". Fails with ERROR_DATABASE, also when the rows violate a UNIQUE
 * constraint.
 */
MUST_CHECK bool restore_plain_swap_all(struct restore_plain *plains, size_t count,
    struct sqlite_file *file, struct progress *progress, struct error *err);

void restore_plain_release(struct restore_plain *plain);

#endif
