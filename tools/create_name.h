/*
 * Names that PostgreSQL gives by itself, where they are taken.
 *
 * It calls the primary key of "t" "t_pkey". In SQLite that is a name like any other: a table or an
 * index of the dump that has it must find it free. Only then does the script name such a thing.
 */
#ifndef TOOLS_CREATE_NAME_H
#define TOOLS_CREATE_NAME_H

#include "tools/create_script.h"

/* Something that PostgreSQL would name. */
struct create_name {
    const struct schema_table *table;
    const uint32_t *columns; /* that its name has; a primary key's has none */
    size_t column_count;
    const char *kind; /* "pkey", "key" or "seq" */
};

/*
 * Appends the word `prefix`, a free name in double quotes and a space if a table or index of the
 * dump has the name that PostgreSQL would give; else nothing.
 */
void create_name_put(struct byte_buffer *out, const struct schema *schema, const char *prefix,
    const struct create_name *name);

#endif
