/*
 * The schema of a restored database: tables first, then, when their rows are
 * in, all that stands on them.
 *
 * Statements run as the dump has them. A virtual table's entry is written into
 * sqlite_schema as it is, for its shadow tables come from the dump and must not
 * be made anew. What SQLite words differently than the source did is corrected
 * at the end, so that sqlite_schema is the dump's to the byte.
 */
#ifndef TOOLS_RESTORE_SCHEMA_H
#define TOOLS_RESTORE_SCHEMA_H

#include "base/error.h"
#include "format/schema.h"
#include "tools/sqlite_file.h"
#include "watch/progress.h"

/*
 * Gives an empty file page size, encoding and auto_vacuum, begins the one
 * transaction and creates all tables with rows. Fails with ERROR_DATABASE naming
 * the table, ERROR_REFUSED for SQL that is no CREATE statement.
 */
MUST_CHECK bool restore_schema_begin(
    struct sqlite_file *file, const struct schema *schema, struct error *err);

/* To be called when all rows are in: memory goes to the sorting of index entries. */
MUST_CHECK bool restore_schema_set_sorting(struct sqlite_file *file, struct error *err);

/* Tells what restore_schema_finish() will have to do: each index is an item. */
void restore_schema_plan(const struct schema *schema, struct progress *progress);

/* Creates indexes, views, triggers and virtual tables, and commits. */
MUST_CHECK bool restore_schema_finish(struct sqlite_file *file, const struct schema *schema,
    struct progress *progress, struct error *err);

/* Puts the file into WAL mode if the source was; outside a transaction. */
MUST_CHECK bool restore_schema_set_journal(
    struct sqlite_file *file, const struct schema *schema, struct error *err);

/*
 * Runs the SQL of one entry. Fails with ERROR_REFUSED if it is no CREATE statement of the entry's
 * type and nothing else, ERROR_DATABASE if SQLite does not accept it.
 */
MUST_CHECK bool restore_schema_create(
    struct sqlite_file *file, const struct schema_entry *entry, struct error *err);

#endif
