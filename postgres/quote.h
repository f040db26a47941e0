/*
 * Names and values as PostgreSQL's SQL writes them.
 *
 * Names are always quoted, so neither keywords nor capitals matter. Literals
 * rely on standard_conforming_strings being on, which connection_open() sees to.
 */
#ifndef POSTGRES_QUOTE_H
#define POSTGRES_QUOTE_H

#include "base/byte_buffer.h"

#include <stdint.h>

/* Appends text as it is. */
void quote_plain(struct byte_buffer *out, const char *sql);

/* Appends an integer in decimal digits. */
void quote_integer(struct byte_buffer *out, int64_t number);

/* Appends "name", or "schema"."name". */
void quote_name(struct byte_buffer *out, const char *name);
void quote_qualified(struct byte_buffer *out, const char *schema, const char *name);

/*
 * Appends a name for a command that is shown and may be copied: as quote_name(), but control
 * characters are written as escapes (U&"...").
 */
void quote_shown_name(struct byte_buffer *out, const char *name);
void quote_shown_qualified(struct byte_buffer *out, const char *schema, const char *name);

/* Appends one word of a POSIX shell's command, quoted only where it must be. */
void quote_shell(struct byte_buffer *out, const char *word);

/* Appends 'text'; NULL becomes the keyword NULL. */
void quote_literal(struct byte_buffer *out, const char *text);

/* Appends a final NUL that is not counted in size, and returns the text (borrowed). */
const char *quote_text(struct byte_buffer *out);

#endif
