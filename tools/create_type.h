/*
 * Which PostgreSQL type holds what a column of a dump holds.
 *
 * Not the declared type decides, which SQLite does not enforce, but the values
 * that are there (the facts of SPEC 5.3), so that everything fits and nothing is
 * changed; the declaration only chooses among types that hold them all.
 */
#ifndef TOOLS_CREATE_TYPE_H
#define TOOLS_CREATE_TYPE_H

#include "format/schema.h"
#include "format/table_end.h"

#include <stdbool.h>

enum create_kind {
    CREATE_BOOLEAN,
    CREATE_BIGINT,
    CREATE_DOUBLE,
    CREATE_NUMERIC,
    CREATE_TEXT,
    CREATE_BYTEA,
    CREATE_NAMED, /* the user has named it */
};

struct create_type {
    enum create_kind kind;
    const char *sql;  /* as in CREATE TABLE; static, or borrowed from who named it */
    const char *note; /* static: what the type does not say or cannot hold; NULL: nothing */
};

void create_type_choose(struct create_type *out, const struct schema_table *table,
    const struct schema_column *column, const struct column_facts *facts);

/* The type with this SQL that the user has named. */
void create_type_name(struct create_type *out, const char *sql);

/*
 * The type of PostgreSQL that columns declared so have elsewhere, static, where this one is
 * another that the user has not named: dates, JSON and UUIDs. NULL: there is none.
 */
const char *create_type_better(const struct create_type *type, const char *declared);

/* True if a sequence can count in it. */
bool create_type_is_integer(const struct create_type *type);

#endif
