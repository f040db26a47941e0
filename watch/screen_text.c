#include "watch/screen_text.h"

#include "base/owned.h"
#include "base/safe_text.h"
#include "watch/amount_text.h"
#include "watch/short_text.h"

#include <stdio.h>
#include <stdlib.h>

#define NAME_COLUMNS_MIN 12
#define ROWS_COLUMNS 17
#define SIZE_COLUMNS 9
#define PERCENT_COLUMNS 5
#define PHASE_COLUMNS 17
#define BAR_COLUMNS_MAX 40
#define BAR_FROM 72 /* columns of a screen that has bars */

/* --- pieces ------------------------------------------------------------------------------- */

static void put_spaces(struct byte_buffer *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        byte_buffer_put_u8(out, ' ');
}

static void fit(struct byte_buffer *out, const struct byte_buffer *text, size_t width,
    const struct screen_style *style)
{
    size_t columns = short_text_width(text);
    size_t size;

    if (columns <= width) {
        byte_buffer_put(out, text->data, text->size);
        put_spaces(out, width - columns);
        return;
    }
    size = short_text_beginning(text, width == 0 ? 0 : width - 1);
    byte_buffer_put(out, text->data, size);
    byte_buffer_format(out, "%s", width == 0 ? "" : short_text_ellipsis(style->is_utf8));
    columns = size == 0 ? 0 : safe_text_width(text->data, size);
    if (width > 0)
        put_spaces(out, width - 1 - columns); /* of a wide character that was half outside */
}

void screen_text_fit(
    struct byte_buffer *out, const char *text, size_t width, const struct screen_style *style)
{
    OWNED(byte_buffer) struct byte_buffer safe = {0};

    safe_text_put(&safe, text, strlen(text));
    for (size_t i = 0; i < safe.size && !style->is_utf8; i++)
        if (safe.data[i] >= 0x80)
            safe.data[i] = '?';
    fit(out, &safe, width, style);
}

void screen_text_bar(
    struct byte_buffer *out, double fraction, size_t width, const struct screen_style *style)
{
    size_t full = (size_t)(fraction * (double)width);

    if (full == 0 && fraction > 0)
        full = width > 0 ? 1 : 0;
    for (size_t i = 0; i < width; i++)
        byte_buffer_format(out, "%s",
            style->is_utf8 ? (i < full ? "█" : "░")
            : i < full     ? "#"
                           : ".");
}

/* Appends what `from` on has, filled up or cut to the width of the whole line. */
static void end_line(struct byte_buffer *out, size_t from, const struct screen_style *style)
{
    OWNED(byte_buffer) struct byte_buffer text = {0};

    byte_buffer_put(&text, out->data + from, out->size - from);
    out->size = from;
    fit(out, &text, style->width, style);
}

/* --- the head --------------------------------------------------------------------------------- */

void screen_text_title(
    struct byte_buffer *out, const struct progress_view *view, const struct screen_style *style)
{
    OWNED(byte_buffer) struct byte_buffer left = {0};
    OWNED(byte_buffer) struct byte_buffer right = {0};
    char time[AMOUNT_TEXT_ROOM];
    size_t width;

    byte_buffer_format(&right, " %s ", amount_text_duration(time, view->seconds));
    byte_buffer_format(&left, " %s %s", view->program, view->command == NULL ? "" : view->command);
    if (view->source != NULL)
        byte_buffer_format(&left, "  %s", view->source);
    if (view->target != NULL)
        byte_buffer_format(&left, " %s %s", style->is_utf8 ? "→" : "->", view->target);
    byte_buffer_put_u8(&left, '\0');
    width = safe_text_width(right.data, right.size);
    screen_text_fit(
        out, (const char *)left.data, style->width > width ? style->width - width : 0, style);
    byte_buffer_put(out, right.data, right.size);
}

void screen_text_whole(struct byte_buffer *out, const struct progress_view *view)
{
    char time[AMOUNT_TEXT_ROOM];

    byte_buffer_format(out, "%3d%%", (int)(view->fraction * 100));
    if (view->is_stopping)
        byte_buffer_format(out, "  stopping cleanly");
    else if (view->seconds_left >= 0)
        byte_buffer_format(out, "  %s left", amount_text_duration(time, view->seconds_left));
}

void screen_text_phase(
    struct byte_buffer *out, const struct progress_view *view, enum progress_phase phase)
{
    const struct progress_view_work *work = &view->phases[phase];

    byte_buffer_format(out, "%s", progress_phase_name(phase));
    if (work->state == PROGRESS_ACTIVE)
        byte_buffer_format(out, " %d%%", (int)(work->fraction * 100));
}

void screen_text_rates(
    struct byte_buffer *out, const struct progress_view *view, const struct screen_style *style)
{
    const struct progress_view_work *work = &view->phases[view->phase];
    const char *about = work->is_guess ? "about " : "";
    size_t from = out->size;
    char a[AMOUNT_TEXT_ROOM];
    char b[AMOUNT_TEXT_ROOM];

    if (view->has_phase) {
        byte_buffer_format(out, " %s", progress_phase_label(view->phase));
        if (work->total.rows > 0)
            byte_buffer_format(out, ": %s of %s%s rows", amount_text_count(a, work->done.rows),
                about, amount_text_count(b, work->total.rows));
        else if (work->total.items > 0)
            byte_buffer_format(out, ": %s of %s", amount_text_count(a, work->done.items),
                amount_text_count(b, work->total.items));
        if (work->total.bytes > 0)
            byte_buffer_format(out, ", %s of %s%s", amount_text_size(a, work->done.bytes), about,
                amount_text_size(b, work->total.bytes));
        if (view->rows_per_second >= 1)
            byte_buffer_format(
                out, ", %s rows/s", amount_text_count(a, (uint64_t)view->rows_per_second));
        if (view->bytes_per_second >= 1)
            byte_buffer_format(out, ", %.1f MB/s", view->bytes_per_second / 1e6);
    }
    end_line(out, from, style);
}

/* --- tables
 * --------------------------------------------------------------------------------------- */

static size_t name_width(const struct screen_style *style, size_t *bar)
{
    size_t used = 1 + ROWS_COLUMNS + SIZE_COLUMNS + PERCENT_COLUMNS + 2 + PHASE_COLUMNS;
    size_t rest = style->width > used ? style->width - used : 0;

    *bar = 0;
    if (style->width >= BAR_FROM) {
        *bar = rest / 3 < BAR_COLUMNS_MAX ? rest / 3 : BAR_COLUMNS_MAX;
        rest -= *bar;
    }
    return rest > NAME_COLUMNS_MIN ? rest : NAME_COLUMNS_MIN;
}

void screen_text_heading(struct byte_buffer *out, const struct screen_style *style)
{
    size_t from = out->size;
    size_t bar;
    size_t name = name_width(style, &bar);

    byte_buffer_format(out, " %-*s%*s%*s%*s", (int)name, "table", ROWS_COLUMNS, "rows",
        SIZE_COLUMNS, "size", PERCENT_COLUMNS, "done");
    put_spaces(out, bar > 0 ? bar + 2 : 2);
    byte_buffer_format(out, "phase");
    end_line(out, from, style);
}

/* The phase that tells most of the table's rows and bytes. */
static const struct progress_view_work *main_work(const struct progress_view_table *table)
{
    const struct progress_view_work *best = &table->works[table->phase];

    for (int i = 0; i < PROGRESS_PHASE_COUNT && best->total.rows == 0 && best->done.rows == 0; i++)
        if (table->works[i].total.rows > 0 || table->works[i].done.rows > 0)
            best = &table->works[i];
    return best;
}

static void put_rows(struct byte_buffer *out, const struct progress_view_work *work)
{
    char done[AMOUNT_TEXT_ROOM];
    char total[AMOUNT_TEXT_ROOM];
    char text[2 * AMOUNT_TEXT_ROOM + 1];

    amount_text_count(done, work->done.rows);
    amount_text_count(total, work->total.rows > 0 ? work->total.rows : work->done.rows);
    if (work->done.rows == 0 || work->done.rows == work->total.rows || work->total.rows == 0)
        snprintf(text, sizeof(text), "%s", total);
    else
        snprintf(text, sizeof(text), "%s/%s", done, total);
    byte_buffer_format(out, "%*s", ROWS_COLUMNS, text);
}

void screen_text_table(struct byte_buffer *out, const struct progress_view_table *table,
    const struct screen_style *style)
{
    const struct progress_view_work *work = main_work(table);
    const struct progress_view_work *now = &table->works[table->phase];
    size_t from = out->size;
    char size[AMOUNT_TEXT_ROOM];
    size_t bar;
    size_t name = name_width(style, &bar);

    byte_buffer_format(out, " ");
    screen_text_fit(out, table->name, name, style);
    put_rows(out, work);
    byte_buffer_format(out, "%*s", SIZE_COLUMNS,
        amount_text_size(size, work->total.bytes > 0 ? work->total.bytes : work->done.bytes));
    byte_buffer_format(out, "%*d%%", PERCENT_COLUMNS - 1, (int)(table->fraction * 100));
    put_spaces(out, bar > 0 ? 1 : 2);
    if (bar > 0) {
        screen_text_bar(out, table->fraction, bar, style);
        put_spaces(out, 1);
    }
    if (table->state == PROGRESS_DONE)
        byte_buffer_format(out, "done");
    else if (table->state == PROGRESS_WAITING)
        byte_buffer_format(out, "waiting");
    else if (now->state == PROGRESS_DONE)
        byte_buffer_format(out, "%s done", progress_phase_name(table->phase));
    else
        byte_buffer_format(out, "%s", progress_phase_label(table->phase));
    end_line(out, from, style);
}

void screen_text_task(struct byte_buffer *out, const struct progress_view *view, size_t number,
    const struct screen_style *style)
{
    const struct progress_view_task *task = &view->tasks[number];
    size_t from = out->size;
    char time[AMOUNT_TEXT_ROOM];

    byte_buffer_format(
        out, " %2zu  %-*s", number + 1, PHASE_COLUMNS, progress_phase_label(task->phase));
    byte_buffer_format(
        out, "%10s  ", amount_text_duration(time, task->seconds < 0 ? 0 : task->seconds));
    if (task->table < view->table_count)
        screen_text_fit(out, view->tables[task->table].name,
            style->width > PHASE_COLUMNS + 18 ? style->width - PHASE_COLUMNS - 18 : 0, style);
    end_line(out, from, style);
}

/* --- their order
 * ------------------------------------------------------------------------------------ */

static int rank(const struct progress_view_table *table)
{
    return table->state == PROGRESS_ACTIVE ? 0 : table->state == PROGRESS_WAITING ? 1 : 2;
}

static uint64_t weight(const struct progress_view_table *table)
{
    return table->state == PROGRESS_DONE ? main_work(table)->total.bytes : table->left;
}

static int compare(const void *a, const void *b, void *context)
{
    const struct progress_view *view = context;
    const struct progress_view_table *x = &view->tables[*(const uint32_t *)a];
    const struct progress_view_table *y = &view->tables[*(const uint32_t *)b];

    if (rank(x) != rank(y))
        return rank(x) - rank(y);
    if (weight(x) != weight(y))
        return weight(x) < weight(y) ? 1 : -1;
    return x->number < y->number ? -1 : 1;
}

static bool has_work(const struct progress_view_table *table)
{
    for (int i = 0; i < PROGRESS_PHASE_COUNT; i++)
        if (table->works[i].is_planned)
            return true;
    return false;
}

uint32_t screen_text_sort(const struct progress_view *view, uint32_t *order)
{
    uint32_t count = 0;
    struct progress_view copy = *view;

    for (uint32_t i = 0; i < view->table_count; i++)
        if (has_work(&view->tables[i]))
            order[count++] = i;
    if (count > 0)
        qsort_r(order, count, sizeof(*order), compare, &copy);
    return count;
}
