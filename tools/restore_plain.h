/*
 * A table without types and constraints that stands for another while it is
 * loaded, so that SQLite stores every value as it is; then the two swap their
 * pages and this one is dropped.
 */
#ifndef TOOLS_RESTORE_PLAIN_H
#define TOOLS_RESTORE_PLAIN_H

#include "base/error.h"
#include "format/schema.h"
#include "tools/sqlite_file.h"

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
 * Gives its pages to the table, which must be empty, makes the table's own indexes anew and
 * drops it. Fails with ERROR_DATABASE, also when the rows violate a UNIQUE constraint.
 */
MUST_CHECK bool restore_plain_swap(struct restore_plain *plain, struct error *err);

void restore_plain_release(struct restore_plain *plain);

#endif
