/*
 * The tables of a dump as a script of CREATE statements for PostgreSQL.
 *
 * What SQLite alone understands of its schema (keys, indexes, references) is asked
 * of SQLite: the schema is made once more, empty, in memory. Types come from the
 * values (create_type.h). What has no counterpart, or only a doubtful one, is left
 * out and said in a comment where it would have stood.
 */
#ifndef TOOLS_CREATE_SCRIPT_H
#define TOOLS_CREATE_SCRIPT_H

#include "base/arena.h"
#include "format/dump_reader.h"
#include "tools/create_type.h"
#include "tools/sqlite_file.h"

#define CREATE_SCRIPT_NAME_SIZE_MAX 63      /* bytes of a name, NAMEDATALEN - 1 */
#define CREATE_SCRIPT_COLUMN_COUNT_MAX 1600 /* of a table, MaxHeapAttributeNumber */

/* Zero-initialise. */
struct create_script {
    const struct dump_reader *reader; /* of a full dump */
    struct create_type **types;       /* by ordinal and column; NULL for tables that are not made */
    struct sqlite_file model;         /* the schema, without rows */
    struct byte_buffer text;          /* the script so far */
    struct byte_buffer later;         /* what follows all tables: foreign keys */
    size_t note_count;
    struct arena arena;
};

void create_script_release(struct create_script *script);

/*
 * Chooses the types; each of `named` is "TABLE.COLUMN=TYPE", or "DECLARED=TYPE" for all columns
 * that SQLite has declared so. Fails with ERROR_USAGE for a name that the dump does not have,
 * ERROR_REFUSED listing names that PostgreSQL cannot hold, and with ERROR_DATABASE if SQLite does
 * not understand the schema.
 */
MUST_CHECK bool create_script_open(struct create_script *script, const struct dump_reader *reader,
    const char *const *named, size_t named_count, struct error *err);

/* Leaves the script in script->text. Fails with ERROR_DATABASE. */
MUST_CHECK bool create_script_write(struct create_script *script, struct error *err);

/* Appends a line of comment, and counts it. Its text is made harmless. */
void create_script_note(struct create_script *script, struct byte_buffer *out, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The table of that name that the script makes, as its ordinal; UINT32_MAX: none. Case aside. */
uint32_t create_script_table(const struct create_script *script, const char *name);

/* The place of a column in its table; UINT32_MAX: none. Case aside. */
uint32_t create_script_column(const struct schema_table *table, const char *name);

#endif
