#include "watch/show_line.h"

#include "base/owned.h"
#include "base/safe_text.h"
#include "watch/amount_text.h"
#include "watch/short_text.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BAR_SECONDS 0.2
#define PLAIN_SECONDS 5.0       /* between two lines of a phase */
#define PLAIN_FIRST_SECONDS 1.0 /* shorter work needs no line */
#define BAR_PART 8              /* of the width is the bar */
#define BAR_WIDTH_MAX 24
#define NAME_WIDTH_MIN 5
#define TABLE_WIDTH 36 /* columns that rates leave to the table */
#define WIDTH_DEFAULT 80
#define WIDTH_MIN 20

struct line_context {
    uint64_t line_next; /* of the log, to be printed */
    double printed;     /* seconds; the last plain line */
    bool has_phase;
    enum progress_phase phase; /* of the last plain line */
    bool is_utf8;
    bool is_shown; /* something stands in the terminal's last line */
};

bool show_line_knows_utf8(void)
{
    locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
    bool is_utf8;

    if (locale == (locale_t)0)
        return false;
    is_utf8 = strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;
    freelocale(locale);
    return is_utf8;
}

/* --- the text ------------------------------------------------------------------------- */

static void put_bar(struct byte_buffer *out, double fraction, size_t width, bool is_utf8)
{
    size_t full = (size_t)(fraction * (double)width + 0.5);

    byte_buffer_format(out, is_utf8 ? "" : "[");
    for (size_t i = 0; i < width; i++)
        byte_buffer_format(out, "%s", is_utf8 ? (i < full ? "█" : "░") : (i < full ? "#" : "."));
    byte_buffer_format(out, is_utf8 ? " " : "] ");
}

/* What does not belong to the locale's characters. */
static void make_ascii(struct byte_buffer *text)
{
    for (size_t i = 0; i < text->size; i++)
        if (text->data[i] >= 0x80)
            text->data[i] = '?';
}

/* The task that is at work for longest; NULL: none works on a table. */
static const struct progress_view_task *longest_task(const struct progress_view *view)
{
    const struct progress_view_task *longest = NULL;

    for (size_t i = 0; i < view->task_count; i++)
        if (view->tasks[i].table < view->table_count
            && (longest == NULL || view->tasks[i].seconds > longest->seconds))
            longest = &view->tasks[i];
    return longest;
}

/* Its table, in so many columns. */
static void put_table(
    struct byte_buffer *out, const struct progress_view *view, size_t width, bool is_utf8)
{
    const struct progress_view_task *longest = longest_task(view);
    OWNED(byte_buffer) struct byte_buffer name = {0};
    char more[32] = "";
    size_t used;

    if (longest == NULL)
        return;
    safe_text_put(
        &name, view->tables[longest->table].name, strlen(view->tables[longest->table].name));
    if (!is_utf8)
        make_ascii(&name);
    if (view->task_count > 1)
        snprintf(more, sizeof(more), " and %zu more", view->task_count - 1);
    used = strlen(", ") + strlen(more);
    if (width < used + NAME_WIDTH_MIN)
        return;
    byte_buffer_format(out, ", ");
    short_text_middle(out, &name, width - used, is_utf8);
    byte_buffer_format(out, "%s", more);
}

static void put_amounts(struct byte_buffer *out, const struct progress_view *view)
{
    const struct progress_view_work *work = &view->phases[view->phase];
    const char *about = work->is_guess ? "about " : "";
    char done[AMOUNT_TEXT_ROOM];
    char total[AMOUNT_TEXT_ROOM];

    if (work->total.bytes > 0)
        byte_buffer_format(out, ", %s of %s%s", amount_text_size(done, work->done.bytes), about,
            amount_text_size(total, work->total.bytes));
    else if (work->total.rows > 0)
        byte_buffer_format(out, ", %s of %s%s rows", amount_text_count(done, work->done.rows),
            about, amount_text_count(total, work->total.rows));
    else if (work->total.items > 0)
        byte_buffer_format(out, ", %s of %s", amount_text_count(done, work->done.items),
            amount_text_count(total, work->total.items));
}

/* A table's name says more than how fast it goes: rates that leave no room for it are left out. */
static void put_rates(struct byte_buffer *out, const struct progress_view *view, size_t width)
{
    size_t size = out->size;
    char rate[AMOUNT_TEXT_ROOM];

    if (view->rows_per_second >= 1)
        byte_buffer_format(
            out, ", %s rows/s", amount_text_count(rate, (uint64_t)view->rows_per_second));
    if (out->size - size > width)
        out->size = size;
    width -= out->size - size;
    size = out->size;
    if (view->bytes_per_second >= 1)
        byte_buffer_format(out, ", %.1f MB/s", view->bytes_per_second / 1e6);
    if (out->size - size > width)
        out->size = size;
}

static void put_facts(struct byte_buffer *out, const struct progress_view *view)
{
    char text[AMOUNT_TEXT_ROOM];

    if (view->is_stopping)
        byte_buffer_format(out, "stopping, ");
    byte_buffer_format(out, "%s", view->has_phase ? progress_phase_label(view->phase) : "working");
    if (view->seconds_left >= 0 && view->has_phase)
        byte_buffer_format(out, ", %s left", amount_text_duration(text, view->seconds_left));
    if (view->has_phase)
        put_amounts(out, view);
}

/* Columns of so many that are left, less `room`. */
static size_t left_of(const struct byte_buffer *line, size_t width, size_t room)
{
    size_t used = short_text_width(line) + room;

    return width == 0 ? SIZE_MAX : width > used ? width - used : 0;
}

void show_line_text(
    struct byte_buffer *out, const struct progress_view *view, size_t width, bool is_utf8)
{
    OWNED(byte_buffer) struct byte_buffer line = {0};
    size_t bar_width = width / BAR_PART < BAR_WIDTH_MAX ? width / BAR_PART : BAR_WIDTH_MAX;
    size_t room = longest_task(view) == NULL ? 0 : TABLE_WIDTH;

    byte_buffer_format(&line, "%3d%% ", (int)(view->fraction * 100));
    if (width >= 2 * WIDTH_MIN)
        put_bar(&line, view->fraction, bar_width, is_utf8);
    put_facts(&line, view);
    if (view->has_phase)
        put_rates(&line, view, left_of(&line, width, room));
    put_table(&line, view, left_of(&line, width, 0), is_utf8);
    byte_buffer_put(out, line.data, short_text_beginning(&line, width == 0 ? SIZE_MAX : width));
}

/* --- on a terminal ----------------------------------------------------------------------- */

static size_t terminal_width(void)
{
    struct winsize size;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < WIDTH_MIN)
        return WIDTH_DEFAULT;
    return size.ws_col;
}

static void wipe(struct line_context *context)
{
    if (context->is_shown)
        fputs("\r\033[K", stderr);
    context->is_shown = false;
}

/* What is known already is not said again; problems are for who finishes. */
static void print_lines(struct line_context *context, const struct progress_view *view)
{
    for (size_t i = 0; i < view->line_count; i++) {
        const struct progress_line *line = &view->lines[i];
        OWNED(byte_buffer) struct byte_buffer text = {0};

        if (view->line_first + i < context->line_next || line->kind != PROGRESS_WARNING)
            continue;
        safe_text_put(&text, line->text, strlen(line->text));
        wipe(context);
        fprintf(stderr, "%s: warning: %.*s\n", view->program, (int)text.size,
            text.size == 0 ? "" : (const char *)text.data);
    }
    context->line_next = view->line_first + view->line_count;
}

static void tick_bar(void *argument, const struct progress_view *view)
{
    struct line_context *context = argument;
    OWNED(byte_buffer) struct byte_buffer line = {0};

    print_lines(context, view);
    show_line_text(&line, view, terminal_width() - 1, context->is_utf8);
    fprintf(stderr, "\r\033[K%.*s", (int)line.size, (const char *)line.data);
    fflush(stderr);
    context->is_shown = true;
}

static void tick_plain(void *argument, const struct progress_view *view)
{
    struct line_context *context = argument;
    OWNED(byte_buffer) struct byte_buffer line = {0};
    char time[AMOUNT_TEXT_ROOM];

    print_lines(context, view);
    if (!view->has_phase || view->seconds < PLAIN_FIRST_SECONDS
        || (view->seconds - context->printed < PLAIN_SECONDS && context->has_phase
            && context->phase == view->phase))
        return;
    context->has_phase = true;
    context->phase = view->phase;
    context->printed = view->seconds;
    show_line_text(&line, view, 0, context->is_utf8);
    fprintf(stderr, "%s: %s: %.*s\n", view->program, amount_text_duration(time, view->seconds),
        (int)line.size, (const char *)line.data);
    fflush(stderr);
}

static void close_line(void *argument, const struct progress_view *view)
{
    struct line_context *context = argument;

    print_lines(context, view);
    wipe(context);
    fflush(stderr);
    free(context);
}

static struct progress_show make(bool is_bar)
{
    struct line_context *context = byte_buffer_calloc(1, sizeof(*context));

    context->is_utf8 = show_line_knows_utf8();
    return (struct progress_show){
        .interval = BAR_SECONDS,
        .context = context,
        .tick = is_bar ? tick_bar : tick_plain,
        .close = close_line,
    };
}

struct progress_show show_line_bar(void)
{
    return make(true);
}

struct progress_show show_line_plain(void)
{
    return make(false);
}
