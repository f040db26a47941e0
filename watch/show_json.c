#include "watch/show_json.h"

#include "base/json_writer.h"
#include "base/owned.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define JSON_SECONDS 0.2     /* between two looks for what began or ended */
#define PROGRESS_SECONDS 1.0 /* between two objects "progress" */

/* What was told of one work. */
enum told { TOLD_NOTHING, TOLD_BEGIN, TOLD_END };

struct json_context {
    int fd;
    bool is_owned;
    bool is_broken; /* nobody reads it */
    uint64_t sequence;
    uint64_t line_next;
    double progress_last;
    bool is_described;
    uint64_t run_number;
    char *source; /* owned: as they were told */
    char *target;
    uint8_t phases[PROGRESS_PHASE_COUNT];
    uint8_t (*tables)[PROGRESS_PHASE_COUNT]; /* owned */
    uint32_t table_count;
};

/* --- lines -------------------------------------------------------------------------- */

/* One object: begin, its own members, end. */
struct json_line {
    struct byte_buffer text;
    struct json_writer w;
};

static void json_line_release(struct json_line *line)
{
    byte_buffer_release(&line->text);
}

static void named_number(struct json_writer *w, const char *name, double value)
{
    json_writer_name(w, name);
    json_writer_number(w, round(value * 1000) / 1000);
}

static void begin(
    struct json_context *context, struct json_line *line, const char *event, double seconds)
{
    line->w = (struct json_writer){.out = &line->text, .is_one_line = true};
    json_writer_begin_object(&line->w);
    json_writer_named_unsigned(&line->w, "sequence", context->sequence++);
    named_number(&line->w, "seconds", seconds);
    json_writer_named_text(&line->w, "event", event);
}

static void write_all(struct json_context *context, const struct byte_buffer *text)
{
    size_t done = 0;

    while (!context->is_broken && done < text->size) {
        ssize_t size = write(context->fd, text->data + done, text->size - done);

        if (size < 0 && errno == EINTR)
            continue;
        if (size <= 0)
            context->is_broken = true;
        else
            done += (size_t)size;
    }
}

static void end(struct json_context *context, struct json_line *line)
{
    json_writer_end_object(&line->w);
    json_writer_finish(&line->w);
    write_all(context, &line->text);
}

/* --- what happens ---------------------------------------------------------------------- */

static bool is_same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void keep(char **to, const char *text)
{
    free(*to);
    *to = text == NULL ? NULL : strdup(text);
}

/* A new dump, or what is known of it by now. */
static void tell_run(struct json_context *context, const struct progress_view *view)
{
    OWNED(json_line) struct json_line line = {0};

    if (context->run_number != view->run_number) {
        memset(context->phases, 0, sizeof(context->phases));
        context->table_count = 0;
        context->is_described = false;
        context->run_number = view->run_number;
    }
    if (view->source == NULL
        || (context->is_described && is_same(context->source, view->source)
            && is_same(context->target, view->target)))
        return;
    context->is_described = true;
    keep(&context->source, view->source);
    keep(&context->target, view->target);
    begin(context, &line, "work", view->seconds);
    json_writer_named_unsigned(&line.w, "number", view->run_number);
    json_writer_named_text(&line.w, "source", view->source);
    json_writer_named_text(&line.w, "target", view->target);
    end(context, &line);
}

static void put_count(struct json_writer *w, const struct progress_count *count)
{
    json_writer_named_unsigned(w, "rows", count->rows);
    json_writer_named_unsigned(w, "bytes", count->bytes);
    json_writer_named_unsigned(w, "items", count->items);
}

struct json_work {
    enum progress_phase phase;
    const char *table; /* NULL: the phase itself */
    const struct progress_view_work *work;
};

static void tell_state(struct json_context *context, const struct progress_view *view,
    const struct json_work *what, bool is_end)
{
    OWNED(json_line) struct json_line line = {0};
    const struct progress_view_work *work = what->work;

    begin(context, &line, what->table == NULL ? "phase" : "table", view->seconds);
    json_writer_named_text(&line.w, "state", is_end ? "end" : "begin");
    json_writer_named_text(&line.w, "phase", progress_phase_name(what->phase));
    if (what->table != NULL)
        json_writer_named_text(&line.w, "table", what->table);
    put_count(&line.w, is_end ? &work->done : &work->total);
    if (is_end)
        named_number(&line.w, "took", work->ended > work->begun ? work->ended - work->begun : 0);
    end(context, &line);
}

static void tell_work(struct json_context *context, const struct progress_view *view,
    const struct json_work *what, uint8_t *told)
{
    if (*told == TOLD_NOTHING && what->work->state != PROGRESS_WAITING && what->work->begun > 0) {
        tell_state(context, view, what, false);
        *told = TOLD_BEGIN;
    }
    if (*told != TOLD_END && what->work->state == PROGRESS_DONE) {
        tell_state(context, view, what, true);
        *told = TOLD_END;
    }
}

static void tell_tables(struct json_context *context, const struct progress_view *view, int phase)
{
    for (uint32_t i = 0; i < view->table_count; i++) {
        struct json_work what = {.phase = (enum progress_phase)phase,
            .table = view->tables[i].name,
            .work = &view->tables[i].works[phase]};

        if (what.work->is_planned)
            tell_work(context, view, &what, &context->tables[i][phase]);
    }
}

static void tell_works(struct json_context *context, const struct progress_view *view)
{
    if (view->table_count > context->table_count) {
        context->tables =
            byte_buffer_realloc(context->tables, view->table_count * sizeof(*context->tables));
        memset(&context->tables[context->table_count], 0,
            (view->table_count - context->table_count) * sizeof(*context->tables));
        context->table_count = view->table_count;
    }
    for (int i = 0; i < PROGRESS_PHASE_COUNT; i++) {
        struct json_work what = {.phase = (enum progress_phase)i, .work = &view->phases[i]};
        uint8_t is_end = view->phases[i].state == PROGRESS_DONE;

        if (!what.work->is_planned)
            continue;
        /* A phase begins before its tables, and ends after them. */
        if (context->phases[i] == TOLD_NOTHING && what.work->state != PROGRESS_WAITING
            && what.work->begun > 0) {
            tell_state(context, view, &what, false);
            context->phases[i] = TOLD_BEGIN;
        }
        tell_tables(context, view, i);
        if (is_end)
            tell_work(context, view, &what, &context->phases[i]);
    }
}

static void tell_lines(struct json_context *context, const struct progress_view *view)
{
    static const char *const events[] = {
        [PROGRESS_NOTE] = "note", [PROGRESS_WARNING] = "warning", [PROGRESS_PROBLEM] = "problem"};

    for (size_t i = 0; i < view->line_count; i++) {
        OWNED(json_line) struct json_line line = {0};

        if (view->line_first + i < context->line_next)
            continue;
        begin(context, &line, events[view->lines[i].kind], (double)(view->lines[i].ms - 1) / 1000);
        json_writer_named_text(&line.w, "text", view->lines[i].text);
        json_writer_named_text(&line.w, "advice", view->lines[i].advice);
        end(context, &line);
    }
    context->line_next = view->line_first + view->line_count;
}

/* --- how far it is -------------------------------------------------------------------------- */

static void put_phase(struct json_writer *w, int number, const struct progress_view_work *work)
{
    json_writer_begin_object(w);
    json_writer_named_text(w, "phase", progress_phase_name((enum progress_phase)number));
    json_writer_named_text(w, "state",
        work->state == PROGRESS_WAITING  ? "waiting"
        : work->state == PROGRESS_ACTIVE ? "active"
                                         : "done");
    named_number(w, "percent", work->fraction * 100);
    put_count(w, &work->done);
    json_writer_named_unsigned(w, "rows_total", work->total.rows);
    json_writer_named_unsigned(w, "bytes_total", work->total.bytes);
    json_writer_named_unsigned(w, "items_total", work->total.items);
    json_writer_named_boolean(w, "estimated", work->is_guess);
    json_writer_end_object(w);
}

static void put_tasks(struct json_writer *w, const struct progress_view *view)
{
    json_writer_name(w, "at_work");
    json_writer_begin_array(w);
    for (size_t i = 0; i < view->task_count; i++) {
        const struct progress_view_task *task = &view->tasks[i];

        json_writer_begin_object(w);
        json_writer_named_text(w, "phase", progress_phase_name(task->phase));
        json_writer_named_text(
            w, "table", task->table < view->table_count ? view->tables[task->table].name : NULL);
        named_number(w, "since", task->seconds < 0 ? 0 : task->seconds);
        json_writer_end_object(w);
    }
    json_writer_end_array(w);
}

static void tell_progress(struct json_context *context, const struct progress_view *view)
{
    OWNED(json_line) struct json_line line = {0};
    struct json_writer *w = &line.w;

    context->progress_last = view->seconds;
    begin(context, &line, "progress", view->seconds);
    named_number(w, "percent", view->fraction * 100);
    json_writer_name(w, "seconds_left");
    if (view->seconds_left < 0)
        json_writer_null(w);
    else
        json_writer_number(w, round(view->seconds_left * 10) / 10);
    json_writer_named_text(w, "phase", view->has_phase ? progress_phase_name(view->phase) : NULL);
    named_number(w, "rows_per_second", view->rows_per_second);
    named_number(w, "bytes_per_second", view->bytes_per_second);
    json_writer_named_boolean(w, "stopping", view->is_stopping);
    json_writer_name(w, "phases");
    json_writer_begin_array(w);
    for (int i = 0; i < PROGRESS_PHASE_COUNT; i++)
        if (view->phases[i].is_planned)
            put_phase(w, i, &view->phases[i]);
    json_writer_end_array(w);
    put_tasks(w, view);
    end(context, &line);
}

/* --- first and last ----------------------------------------------------------------------------
 */

static void tell_start(struct json_context *context, const struct progress_view *view)
{
    OWNED(json_line) struct json_line line = {0};
    time_t now = time(NULL);
    struct tm parts;
    char text[40] = "";

    if (gmtime_r(&now, &parts) != NULL)
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
    begin(context, &line, "start", view->seconds);
    json_writer_named_unsigned(&line.w, "version", SHOW_JSON_VERSION);
    json_writer_named_text(&line.w, "program", view->program);
    json_writer_named_text(&line.w, "program_version", VALISE_VERSION);
    json_writer_named_text(&line.w, "command", view->command);
    json_writer_named_unsigned(&line.w, "process", (uint64_t)getpid());
    json_writer_named_text(&line.w, "time", text);
    end(context, &line);
}

static void tick(void *argument, const struct progress_view *view)
{
    struct json_context *context = argument;

    if (context->sequence == 0)
        tell_start(context, view);
    tell_run(context, view);
    tell_works(context, view);
    tell_lines(context, view);
    if (view->has_phase && view->seconds - context->progress_last >= PROGRESS_SECONDS)
        tell_progress(context, view);
}

static void close_json(void *argument, const struct progress_view *view)
{
    struct json_context *context = argument;
    OWNED(json_line) struct json_line line = {0};

    tell_progress(context, view);
    begin(context, &line, "result", view->seconds);
    json_writer_named_unsigned(&line.w, "exit_status", (uint64_t)view->result->exit_status);
    json_writer_named_text(&line.w, "outcome", view->result->outcome);
    json_writer_named_text(&line.w, "error", view->result->error);
    end(context, &line);
    if (context->is_owned)
        close(context->fd);
    free(context->source);
    free(context->target);
    free(context->tables);
    free(context);
}

struct progress_show show_json(int fd, bool is_owned)
{
    struct json_context *context = byte_buffer_calloc(1, sizeof(*context));

    context->fd = fd;
    context->is_owned = is_owned;
    return (struct progress_show){
        .interval = JSON_SECONDS, .context = context, .tick = tick, .close = close_json};
}
