/*
 * Progress as text: one line of a terminal that changes, or a new line every few seconds.
 *
 * Both print warnings and problems as they come. On standard error.
 */
#ifndef WATCH_SHOW_LINE_H
#define WATCH_SHOW_LINE_H

#include "watch/progress_view.h"

/* A line that changes; for a terminal. */
struct progress_show show_line_bar(void);

/* A line every few seconds. */
struct progress_show show_line_plain(void);

/* Appends the line as the bar has it in so many columns; with block characters if is_utf8. */
void show_line_text(
    struct byte_buffer *out, const struct progress_view *view, size_t width, bool is_utf8);

/* True if standard error shows UTF-8, by the environment's locale. */
bool show_line_knows_utf8(void);

#endif
