#include "watch/progress.h"

#include "base/owned.h"
#include "watch/progress_view.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TICK_NS 100000000L     /* between two looks of the thread */
#define PATIENCE_NS 900000000L /* for what shows */

double progress_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

uint64_t progress_ms(const struct progress *progress)
{
    return (uint64_t)((progress_clock() - progress->epoch) * 1000) + 1;
}

static char *copy_text(const char *text)
{
    char *copy = text == NULL ? NULL : strdup(text);

    if (text != NULL && copy == NULL)
        abort();
    return copy;
}

/* --- life ------------------------------------------------------------------------ */

void progress_init(struct progress *progress, const char *program, const char *command)
{
    pthread_condattr_t attributes;

    *progress = (struct progress){.program = program};
    progress->command = copy_text(command);
    progress->epoch = progress_clock();
    pthread_mutex_init(&progress->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&progress->wake, &attributes);
    pthread_cond_init(&progress->shown, &attributes);
    pthread_condattr_destroy(&attributes);
    progress->is_initialised = true;
}

static void forget_tables(struct progress *progress)
{
    for (uint32_t i = 0; i < progress->table_count; i++) {
        free(progress->tables[i]->name);
        free(progress->tables[i]);
    }
    free((void *)progress->tables);
    progress->tables = NULL;
    progress->table_count = 0;
}

void progress_release(struct progress *progress)
{
    if (!progress->is_initialised)
        return;
    assert(progress->is_finished || !progress->is_running);
    forget_tables(progress);
    progress_log_release(&progress->log);
    free(progress->command);
    free(progress->source);
    free(progress->target);
    pthread_cond_destroy(&progress->wake);
    pthread_cond_destroy(&progress->shown);
    pthread_mutex_destroy(&progress->lock);
    progress->is_initialised = false;
}

void progress_attach(struct progress *progress, const struct progress_show *show)
{
    progress->shows[progress->show_count++] = *show;
}

/* --- the thread -------------------------------------------------------------------- */

/*
 * With the lock held, which is let go while something shows: a terminal that stands still (Ctrl-S,
 * a broken SSH connection) or a pipe that nobody reads must not hold up those who work.
 */
static void show_all(struct progress *progress, bool is_now)
{
    OWNED(progress_view) struct progress_view view = {0};
    uint64_t number = progress->made_count + 1;

    progress_view_make(&view, progress);
    progress->made_count = number;
    pthread_mutex_unlock(&progress->lock);
    for (size_t i = 0; i < progress->show_count; i++) {
        struct progress_show *show = &progress->shows[i];

        if (!is_now && view.seconds - show->last < show->interval)
            continue;
        show->last = view.seconds;
        show->tick(show->context, &view);
    }
    pthread_mutex_lock(&progress->lock);
    if (!is_now)
        return;
    progress->log.shown = view.line_first + view.line_count;
    progress->shown_number = number;
    pthread_cond_broadcast(&progress->shown);
}

/* Likewise. The result stays while progress_finish() waits for this thread. */
static void close_all(struct progress *progress)
{
    OWNED(progress_view) struct progress_view view = {0};

    progress_view_make(&view, progress);
    view.result = &progress->result;
    pthread_mutex_unlock(&progress->lock);
    for (size_t i = 0; i < progress->show_count; i++)
        progress->shows[i].close(progress->shows[i].context, &view);
    pthread_mutex_lock(&progress->lock);
}

static struct timespec later(long ns)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    time.tv_nsec += ns;
    time.tv_sec += time.tv_nsec / 1000000000L;
    time.tv_nsec %= 1000000000L;
    return time;
}

static void *run(void *argument)
{
    struct progress *progress = argument;

    pthread_mutex_lock(&progress->lock);
    while (!progress->is_ending) {
        struct timespec until;
        bool is_now = progress->is_asked;

        progress->is_asked = false;
        show_all(progress, is_now);
        until = later(TICK_NS);
        while (!progress->is_ending && !progress->is_asked
               && pthread_cond_timedwait(&progress->wake, &progress->lock, &until) == 0)
            continue;
    }
    /* Here, as what shows may belong to the thread that it was shown in. */
    show_all(progress, true);
    close_all(progress);
    pthread_mutex_unlock(&progress->lock);
    return NULL;
}

bool progress_start(struct progress *progress, struct error *err)
{
    static const int own[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    sigset_t all;
    sigset_t before;
    int failure;

    progress->prints_lines = progress->show_count == 0;
    if (progress->show_count == 0)
        return true;
    /* Signals are for those who work, but for those that a thread brings on itself. */
    sigfillset(&all);
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        sigdelset(&all, own[i]);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failure = pthread_create(&progress->thread, NULL, run, progress);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failure != 0)
        return error_set(err, ERROR_IO, "cannot start a thread: %s", strerror(failure));
    progress->is_running = true;
    return true;
}

static const char *outcome_of(const struct error *failure)
{
    if (failure == NULL)
        return "done";
    switch (failure->kind) {
    case ERROR_REJECTED:
        return "done_with_rejects";
    case ERROR_REFUSED:
    case ERROR_USAGE:
        return "refused";
    case ERROR_MISMATCH:
        return "mismatch";
    case ERROR_STOPPED:
        return "stopped";
    case ERROR_IO:
    case ERROR_NOT_DUMP:
    case ERROR_CORRUPT:
    case ERROR_UNSUPPORTED:
    case ERROR_DATABASE:
        break;
    }
    return "failed";
}

void progress_finish(struct progress *progress, const char *outcome, const struct error *failure)
{
    if (progress->is_finished || !progress->is_initialised)
        return;
    progress->is_finished = true;
    pthread_mutex_lock(&progress->lock);
    progress->result = (struct progress_result){
        .is_known = true,
        .exit_status = failure == NULL ? 0 : (int)failure->kind,
        .outcome = outcome == NULL ? outcome_of(failure) : outcome,
        .error = failure == NULL ? NULL : failure->text,
    };
    progress->is_ending = true;
    pthread_cond_signal(&progress->wake);
    pthread_mutex_unlock(&progress->lock);
    if (progress->is_running)
        pthread_join(progress->thread, NULL);
    progress->is_running = false;
    progress->result.error = NULL;
    progress->prints_lines = true;
}

/* --- what there is to do -------------------------------------------------------------- */

static void replace_text(char **to, const char *text)
{
    if (text == NULL)
        return;
    free(*to);
    *to = copy_text(text);
}

void progress_describe(struct progress *progress, const char *source, const char *target)
{
    pthread_mutex_lock(&progress->lock);
    replace_text(&progress->source, source);
    replace_text(&progress->target, target);
    pthread_mutex_unlock(&progress->lock);
}

void progress_watch_only(struct progress *progress)
{
    pthread_mutex_lock(&progress->lock);
    progress->is_onlooker = true;
    pthread_mutex_unlock(&progress->lock);
}

void progress_began_before(struct progress *progress, double seconds)
{
    pthread_mutex_lock(&progress->lock);
    progress->epoch = progress_clock() - seconds;
    pthread_mutex_unlock(&progress->lock);
}

/* Waits until all that happened was shown, but not for a terminal that stands still. */
static void let_show(struct progress *progress)
{
    uint64_t before = progress->made_count; /* what is being shown may lack the newest */
    struct timespec until = later(PATIENCE_NS);

    if (!progress->is_running)
        return;
    progress->is_asked = true;
    pthread_cond_signal(&progress->wake);
    while (progress->shown_number <= before
           && pthread_cond_timedwait(&progress->shown, &progress->lock, &until) == 0)
        continue;
}

void progress_reset(struct progress *progress)
{
    pthread_mutex_lock(&progress->lock);
    let_show(progress);
    forget_tables(progress);
    for (int i = 0; i < PROGRESS_PHASE_COUNT; i++)
        progress->phases[i] = (struct progress_work){0};
    progress->planned = 0;
    progress->estimated = 0;
    progress->run_number++;
    progress_rate_reset(&progress->rate);
    pthread_mutex_unlock(&progress->lock);
}

uint32_t progress_table(struct progress *progress, const char *name)
{
    struct progress_table *table = byte_buffer_calloc(1, sizeof(*table));
    uint32_t number;

    table->name = copy_text(name);
    pthread_mutex_lock(&progress->lock);
    number = progress->table_count++;
    progress->tables = byte_buffer_realloc(
        (void *)progress->tables, progress->table_count * sizeof(struct progress_table *));
    progress->tables[number] = table;
    pthread_mutex_unlock(&progress->lock);
    return number;
}

struct progress_work *progress_work_of(
    struct progress *progress, enum progress_phase phase, uint32_t table)
{
    return table < progress->table_count ? &progress->tables[table]->works[phase] : NULL;
}

static void add_total(struct progress_count *total, const struct progress_count *more)
{
    total->rows += more->rows;
    total->bytes += more->bytes;
    total->items += more->items;
}

void progress_plan(struct progress *progress, enum progress_phase phase, uint32_t table,
    const struct progress_count *total)
{
    struct progress_work *work;

    pthread_mutex_lock(&progress->lock);
    progress->planned |= 1u << phase;
    add_total(&progress->phases[phase].total, total);
    work = progress_work_of(progress, phase, table);
    if (work != NULL)
        add_total(&work->total, total);
    pthread_mutex_unlock(&progress->lock);
}

void progress_guess(struct progress *progress, enum progress_phase phase)
{
    pthread_mutex_lock(&progress->lock);
    progress->estimated |= 1u << phase;
    pthread_mutex_unlock(&progress->lock);
}

struct progress_count progress_read_cell(struct progress_cell *cell)
{
    return (struct progress_count){
        .rows = atomic_load_explicit(&cell->rows, memory_order_relaxed),
        .bytes = atomic_load_explicit(&cell->bytes, memory_order_relaxed),
        .items = atomic_load_explicit(&cell->items, memory_order_relaxed),
    };
}

void progress_settle(struct progress *progress, enum progress_phase phase, uint32_t table)
{
    struct progress_work *work;

    pthread_mutex_lock(&progress->lock);
    work = progress_work_of(progress, phase, table);
    if (work != NULL) {
        struct progress_count *total = &progress->phases[phase].total;
        struct progress_count done = progress_read_cell(&work->done);

        /* A guess of the whole phase, not of this table, stays until the phase ends. */
        if (work->total.bytes > 0 || (progress->estimated & (1u << phase)) == 0) {
            total->rows += done.rows - work->total.rows;
            total->bytes += done.bytes - work->total.bytes;
            total->items += done.items - work->total.items;
        }
        work->total = done;
        atomic_store(&work->is_ended, true);
    }
    pthread_mutex_unlock(&progress->lock);
}

/* --- doing it ----------------------------------------------------------------------------- */

void progress_begin_work(struct progress_work *work, uint64_t now)
{
    uint_least64_t none = 0;

    atomic_compare_exchange_strong(&work->begun_ms, &none, now);
}

void progress_begin(struct progress *progress, enum progress_phase phase)
{
    pthread_mutex_lock(&progress->lock);
    progress->planned |= 1u << phase;
    progress_begin_work(&progress->phases[phase], progress_ms(progress));
    progress->is_asked = true;
    pthread_cond_signal(&progress->wake);
    pthread_mutex_unlock(&progress->lock);
}

void progress_end(struct progress *progress, enum progress_phase phase)
{
    struct progress_work *work = &progress->phases[phase];
    uint64_t now = progress_ms(progress);

    pthread_mutex_lock(&progress->lock);
    if ((progress->estimated & (1u << phase)) != 0)
        work->total = progress_read_cell(&work->done);
    pthread_mutex_unlock(&progress->lock);
    progress_begin_work(work, now);
    atomic_store(&work->ended_ms, now);
    atomic_store(&work->is_ended, true);
}

static void add_cell(struct progress_cell *cell, const struct progress_count *count)
{
    if (count->rows > 0)
        atomic_fetch_add_explicit(&cell->rows, count->rows, memory_order_relaxed);
    if (count->bytes > 0)
        atomic_fetch_add_explicit(&cell->bytes, count->bytes, memory_order_relaxed);
    if (count->items > 0)
        atomic_fetch_add_explicit(&cell->items, count->items, memory_order_relaxed);
}

void progress_add(struct progress *progress, enum progress_phase phase, uint32_t table,
    const struct progress_count *count)
{
    struct progress_work *work = progress_work_of(progress, phase, table);

    add_cell(&progress->phases[phase].done, count);
    if (work != NULL)
        add_cell(&work->done, count);
}

void progress_skip(struct progress *progress, enum progress_phase phase, uint32_t table,
    const struct progress_count *count)
{
    progress_add(progress, phase, table, count);
    add_cell(&progress->phases[phase].skipped, count);
}

void progress_set(struct progress *progress, enum progress_phase phase, uint32_t table,
    const struct progress_count *count)
{
    struct progress_work *work = progress_work_of(progress, phase, table);
    struct progress_count before;
    struct progress_count more;

    if (work == NULL)
        work = &progress->phases[phase];
    before = progress_read_cell(&work->done);
    more.rows = count->rows > before.rows ? count->rows - before.rows : 0;
    more.bytes = count->bytes > before.bytes ? count->bytes - before.bytes : 0;
    more.items = count->items > before.items ? count->items - before.items : 0;
    progress_add(progress, phase, table, &more);
}

/* --- telling -------------------------------------------------------------------------------- */

void progress_tell(
    struct progress *progress, enum progress_kind kind, const char *text, const char *advice)
{
    struct progress_line line = {
        .kind = kind, .text = copy_text(text), .advice = copy_text(advice)};

    pthread_mutex_lock(&progress->lock);
    if (progress->prints_lines && kind == PROGRESS_WARNING)
        progress_log_print_warning(progress->program, text);
    line.ms = progress_ms(progress);
    progress_log_add(&progress->log, &line, progress->is_running);
    progress->is_asked = true;
    pthread_cond_signal(&progress->wake);
    pthread_mutex_unlock(&progress->lock);
}
