#include "watch/screen_log.h"

#include "base/safe_text.h"
#include "watch/amount_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void screen_log_release(struct screen_log *log)
{
    for (size_t i = 0; i < SCREEN_LOG_COUNT; i++)
        free(log->lines[i].text);
    byte_buffer_release(&log->warnings);
}

static void add(struct screen_log *log, double seconds, bool is_loud, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static void add(struct screen_log *log, double seconds, bool is_loud, const char *fmt, ...)
{
    struct screen_log_line *line = &log->lines[log->count++ % SCREEN_LOG_COUNT];
    va_list arguments;
    va_list again;
    int size;

    line->seconds = seconds;
    line->is_loud = is_loud;
    va_start(arguments, fmt);
    va_copy(again, arguments);
    size = vsnprintf(NULL, 0, fmt, arguments);
    line->text = byte_buffer_realloc(line->text, (size_t)size + 1);
    vsnprintf(line->text, (size_t)size + 1, fmt, again);
    va_end(again);
    va_end(arguments);
}

const struct screen_log_line *screen_log_line(const struct screen_log *log, size_t back)
{
    if (back >= log->count || back >= SCREEN_LOG_COUNT)
        return NULL;
    return &log->lines[(log->count - 1 - back) % SCREEN_LOG_COUNT];
}

static void keep_warning(struct screen_log *log, const char *program, const char *text)
{
    static const char before[] = ": warning: ";

    byte_buffer_put_text(&log->warnings, program);
    byte_buffer_put(&log->warnings, before, sizeof(before) - 1);
    safe_text_put(&log->warnings, text, strlen(text));
    byte_buffer_put_u8(&log->warnings, '\n');
}

static void take_lines(struct screen_log *log, const struct progress_view *view)
{
    for (size_t i = 0; i < view->line_count; i++) {
        const struct progress_line *line = &view->lines[i];

        if (view->line_first + i < log->line_next)
            continue;
        add(log, (double)line->ms / 1000, line->kind != PROGRESS_NOTE, "%s%s%s", line->text,
            line->advice == NULL ? "" : " -> ", line->advice == NULL ? "" : line->advice);
        if (line->kind == PROGRESS_WARNING)
            keep_warning(log, view->program, line->text);
    }
    log->line_next = view->line_first + view->line_count;
}

static void tell_end(
    struct screen_log *log, enum progress_phase phase, const struct progress_view_work *work)
{
    double seconds = work->ended > work->begun ? work->ended - work->begun : 0;
    char rows[AMOUNT_TEXT_ROOM];
    char size[AMOUNT_TEXT_ROOM];
    char time[AMOUNT_TEXT_ROOM];

    amount_text_duration(time, seconds);
    if (work->done.rows > 0)
        add(log, work->ended, false, "%s ended: %s rows, %s in %s", progress_phase_label(phase),
            amount_text_count(rows, work->done.rows), amount_text_size(size, work->done.bytes),
            time);
    else
        add(log, work->ended, false, "%s ended after %s", progress_phase_label(phase), time);
}

static void take_phases(struct screen_log *log, const struct progress_view *view)
{
    if (log->run_number != view->run_number)
        memset(log->phases, 0, sizeof(log->phases));
    log->run_number = view->run_number;
    for (int i = 0; i < PROGRESS_PHASE_COUNT; i++) {
        const struct progress_view_work *work = &view->phases[i];

        if (!work->is_planned || work->state == log->phases[i])
            continue;
        if (log->phases[i] == PROGRESS_WAITING)
            add(log, work->begun, false, "%s began", progress_phase_label((enum progress_phase)i));
        if (work->state == PROGRESS_DONE)
            tell_end(log, (enum progress_phase)i, work);
        log->phases[i] = work->state;
    }
}

void screen_log_take(struct screen_log *log, const struct progress_view *view)
{
    take_lines(log, view);
    take_phases(log, view);
}
