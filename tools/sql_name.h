/* Names of tables and columns in SQL. */
#ifndef TOOLS_SQL_NAME_H
#define TOOLS_SQL_NAME_H

#include "base/byte_buffer.h"
#include "format/schema.h"

/* Appends a name in double quotes; a quote inside is doubled. */
void sql_name_put(struct byte_buffer *sql, const struct schema_text *name);

#endif
