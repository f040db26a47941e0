/* Text that must not take more than so many columns. It is valid UTF-8 without control characters.
 */
#ifndef WATCH_SHORT_TEXT_H
#define WATCH_SHORT_TEXT_H

#include "base/byte_buffer.h"

#include <stdbool.h>
#include <stddef.h>

/* Columns of a text, which may be empty. */
size_t short_text_width(const struct byte_buffer *text);

/* Bytes of its longest beginning that takes at most `width` columns. */
size_t short_text_beginning(const struct byte_buffer *text, size_t width);

/* What stands for what was left out: one column. */
const char *short_text_ellipsis(bool is_utf8);

/*
 * Appends it, if need be without its middle: names that begin alike often differ at their end, too.
 * It takes at most `width` columns.
 */
void short_text_middle(
    struct byte_buffer *out, const struct byte_buffer *text, size_t width, bool is_utf8);

#endif
