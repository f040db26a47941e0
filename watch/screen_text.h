/*
 * The screen's lines as text, each exactly as wide as asked for. No terminal is needed to make
 * them.
 */
#ifndef WATCH_SCREEN_TEXT_H
#define WATCH_SCREEN_TEXT_H

#include "watch/progress_view.h"

/* How a line is written: which characters, how many columns. */
struct screen_style {
    bool is_utf8;
    size_t width;
};

/* Appends text, made safe, cut or filled up to `width` columns. */
void screen_text_fit(
    struct byte_buffer *out, const char *text, size_t width, const struct screen_style *style);

/* Appends a bar of `width` columns. */
void screen_text_bar(
    struct byte_buffer *out, double fraction, size_t width, const struct screen_style *style);

/* Each appends one line of style->width columns. */
void screen_text_title(
    struct byte_buffer *out, const struct progress_view *view, const struct screen_style *style);
void screen_text_rates(
    struct byte_buffer *out, const struct progress_view *view, const struct screen_style *style);
void screen_text_heading(struct byte_buffer *out, const struct screen_style *style);
void screen_text_table(struct byte_buffer *out, const struct progress_view_table *table,
    const struct screen_style *style);
void screen_text_task(struct byte_buffer *out, const struct progress_view *view, size_t number,
    const struct screen_style *style);

/* "47%  3 min 20 s left", without filling. */
void screen_text_whole(struct byte_buffer *out, const struct progress_view *view);

/* "load 47%", without filling. */
void screen_text_phase(
    struct byte_buffer *out, const struct progress_view *view, enum progress_phase phase);

/*
 * The numbers of the tables that have something to do: those at work, then those that wait, then
 * those that are done; in each what has most left (or was largest) first. order has room for all.
 * Returns how many.
 */
uint32_t screen_text_sort(const struct progress_view *view, uint32_t *order);

#endif
