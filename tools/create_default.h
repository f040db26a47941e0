/*
 * The default of a column, in PostgreSQL's words.
 *
 * SQLite keeps a default as SQL text. Literals and the usual ways to say "now"
 * are translated; no other expression is.
 */
#ifndef TOOLS_CREATE_DEFAULT_H
#define TOOLS_CREATE_DEFAULT_H

#include "base/byte_buffer.h"
#include "format/schema.h"
#include "tools/create_type.h"

#include <stdbool.h>

/* Appends " DEFAULT ..." for a column of that type (nothing for NULL); false if it is not
 * translated. */
bool create_default_put(
    struct byte_buffer *out, const struct create_type *type, const struct schema_text *sql);

/* Appends text as a string constant: quotes are doubled (standard_conforming_strings is on). */
void create_default_quote(struct byte_buffer *out, const char *bytes, size_t size);

#endif
