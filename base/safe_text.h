/*
 * Text from outside, made safe to show.
 *
 * Names in a dump or a database are any bytes an attacker likes. What is shown
 * on a terminal goes through here: control characters, invalid UTF-8 and
 * characters that change the direction of text appear as \x1b or \u{202e}.
 */
#ifndef BASE_SAFE_TEXT_H
#define BASE_SAFE_TEXT_H

#include "base/byte_buffer.h"

#include <stddef.h>

/* Appends size bytes, harmless. Line feeds are escaped as well. */
void safe_text_put(struct byte_buffer *out, const void *bytes, size_t size);

/* The same in double quotes; a quote inside is doubled, as in SQL. */
void safe_text_quote(struct byte_buffer *out, const void *bytes, size_t size);

/* Columns of a terminal that valid UTF-8 without control characters takes. */
size_t safe_text_width(const void *bytes, size_t size);

#endif
