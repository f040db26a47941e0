#include "watch/progress_view.h"

#include "base/byte_buffer.h"
#include "base/stop.h"

#include <stdlib.h>

static double ratio(uint64_t done, uint64_t total)
{
    return done >= total ? 1 : (double)done / (double)total;
}

double progress_view_fraction(const struct progress_count *done, const struct progress_count *total)
{
    if (total->bytes > 0)
        return ratio(done->bytes, total->bytes);
    if (total->rows > 0)
        return ratio(done->rows, total->rows);
    return total->items > 0 ? ratio(done->items, total->items) : 0;
}

static bool is_empty(const struct progress_count *count)
{
    return count->bytes == 0 && count->rows == 0 && count->items == 0;
}

/* Rows are exact; bytes may be computed from a mean. */
static bool is_complete(const struct progress_count *done, const struct progress_count *total)
{
    if (total->rows > 0)
        return done->rows >= total->rows;
    if (total->bytes > 0)
        return done->bytes >= total->bytes;
    return total->items > 0 && done->items >= total->items;
}

/* A guess is never reached before the end. */
#define GUESS_MAX 0.99

static void read_work(struct progress_view_work *view, struct progress_work *work, bool is_guess)
{
    uint64_t begun = atomic_load(&work->begun_ms);
    bool is_ended = atomic_load(&work->is_ended);

    view->total = work->total;
    view->done = progress_read_cell(&work->done);
    view->is_guess = is_guess && !is_ended;
    view->begun = (double)begun / 1000;
    view->ended = (double)atomic_load(&work->ended_ms) / 1000;
    view->busy = (double)atomic_load(&work->busy_ms) / 1000;
    view->fraction = progress_view_fraction(&view->done, &view->total);
    if (view->is_guess && view->fraction > GUESS_MAX)
        view->fraction = GUESS_MAX;
    if (is_ended
        || (!view->is_guess && is_complete(&view->done, &view->total)
            && atomic_load(&work->task_count) == 0)) {
        view->state = PROGRESS_DONE;
        view->fraction = 1;
        if (view->done.rows == view->total.rows)
            view->done.bytes = view->total.bytes; /* but for what rounding left out */
    } else if (begun > 0 || !is_empty(&view->done)) {
        view->state = PROGRESS_ACTIVE;
    }
    view->is_planned = !is_empty(&work->total) || begun > 0;
}

/* --- tables ---------------------------------------------------------------------------- */

/* What a phase of a table weighs: bytes, as far as they are known of this or another phase. */
static double size_of(const struct progress_view_table *table, int phase)
{
    uint64_t size = table->works[phase].total.bytes;

    for (int i = 0; i < PROGRESS_PHASE_COUNT && size == 0; i++)
        size = table->works[i].total.bytes;
    return (double)(size + 1) * progress_phase_weight((enum progress_phase)phase);
}

static void sum_up(struct progress_view_table *table)
{
    double whole = 0;
    double done = 0;
    bool is_begun = false;
    bool is_done = true;

    for (int i = 0; i < PROGRESS_PHASE_COUNT; i++) {
        const struct progress_view_work *work = &table->works[i];

        if (!work->is_planned)
            continue;
        whole += size_of(table, i);
        done += size_of(table, i) * work->fraction;
        is_done = is_done && work->state == PROGRESS_DONE;
        is_begun = is_begun || work->state != PROGRESS_WAITING;
        if (work->state != PROGRESS_WAITING)
            table->phase = (enum progress_phase)i;
    }
    table->fraction = whole > 0 ? done / whole : 1;
    table->left = whole > done ? (uint64_t)(whole - done) : 0;
    table->state = is_done ? PROGRESS_DONE : is_begun ? PROGRESS_ACTIVE : PROGRESS_WAITING;
}

static void read_tables(struct progress_view *view, struct progress *progress)
{
    view->table_count = progress->table_count;
    view->tables = byte_buffer_calloc(progress->table_count + 1, sizeof(*view->tables));
    for (uint32_t i = 0; i < progress->table_count; i++) {
        struct progress_view_table *table = &view->tables[i];

        table->name = arena_text(&view->arena, progress->tables[i]->name);
        table->number = i;
        for (int k = 0; k < PROGRESS_PHASE_COUNT; k++)
            read_work(&table->works[k], &progress->tables[i]->works[k],
                (progress->estimated & (1u << k)) != 0);
        sum_up(table);
    }
}

static void read_tasks(struct progress_view *view, struct progress *progress)
{
    for (size_t i = 0; i < PROGRESS_TASK_COUNT_MAX; i++) {
        struct progress_slot *slot = &progress->slots[i];
        uint64_t begun = atomic_load(&slot->begun_ms);

        if (!atomic_load(&slot->is_taken) || begun == 0)
            continue;
        view->tasks[view->task_count++] = (struct progress_view_task){
            .phase = (enum progress_phase)atomic_load(&slot->phase),
            .table = atomic_load(&slot->table),
            .seconds = view->seconds - (double)begun / 1000,
        };
    }
}

static char *copy(struct progress_view *view, const char *text)
{
    return text == NULL ? NULL : arena_text(&view->arena, text);
}

static void read_lines(struct progress_view *view, const struct progress *progress)
{
    view->line_count = progress->log.count;
    view->line_first = progress->log.first;
    view->lines = byte_buffer_calloc(progress->log.count + 1, sizeof(*view->lines));
    for (size_t i = 0; i < progress->log.count; i++) {
        const struct progress_line *line = &progress->log.lines[i];

        view->lines[i] = (struct progress_line){.ms = line->ms,
            .kind = line->kind,
            .text = copy(view, line->text),
            .advice = copy(view, line->advice)};
    }
}

/* --- the whole ---------------------------------------------------------------------------- */

/* It ended, and there was nothing to do: it is no part of the work that was done. */
static bool is_idle(const struct progress_view_work *phase)
{
    return phase->state == PROGRESS_DONE && is_empty(&phase->total) && is_empty(&phase->done);
}

/* skipped: what this run did not have to do. */
static void sum_phases(struct progress_view *view, struct progress *progress, double *skipped)
{
    double whole = 0;
    double done = 0;
    bool is_any_idle = false;

    *skipped = 0;
    for (int i = 0; i < PROGRESS_PHASE_COUNT; i++) {
        struct progress_work *work = &progress->phases[i];
        struct progress_view_work *phase = &view->phases[i];
        double weight = progress_phase_weight((enum progress_phase)i);
        struct progress_count before = progress_read_cell(&work->skipped);

        read_work(phase, work, (progress->estimated & (1u << i)) != 0);
        phase->is_planned = (progress->planned & (1u << i)) != 0;
        if (!phase->is_planned)
            continue;
        if (is_idle(phase)) {
            is_any_idle = true;
            continue;
        }
        whole += weight;
        done += weight * phase->fraction;
        *skipped += weight * progress_view_fraction(&before, &phase->total);
        if (phase->state == PROGRESS_ACTIVE && (!view->has_phase || phase->begun == 0)) {
            view->has_phase = true;
            view->phase = (enum progress_phase)i;
        }
    }
    view->fraction = whole > 0 ? done / whole : is_any_idle;
    *skipped = whole > 0 ? *skipped / whole : 0;
}

/* Counters move while they are read: more may be skipped by now than was done before. */
static uint64_t more_than(uint64_t done, uint64_t skipped)
{
    return done > skipped ? done - skipped : 0;
}

static void sample(struct progress_view *view, struct progress *progress, double skipped)
{
    struct progress_sample sample = {.seconds = view->seconds};

    for (int i = 0; i < PROGRESS_PHASE_COUNT; i++) {
        struct progress_count before = progress_read_cell(&progress->phases[i].skipped);

        sample.rows[i] = more_than(view->phases[i].done.rows, before.rows);
        sample.bytes[i] = more_than(view->phases[i].done.bytes, before.bytes);
    }
    progress_rate_feed(&progress->rate, &sample, view->fraction - skipped);
    view->seconds_left = progress_rate_left(&progress->rate, 1 - view->fraction);
    if (!view->has_phase)
        return;
    view->rows_per_second = progress->rate.rows_per_second[view->phase];
    view->bytes_per_second = progress->rate.bytes_per_second[view->phase];
}

void progress_view_make(struct progress_view *view, struct progress *progress)
{
    double skipped;

    view->program = progress->program;
    view->command = copy(view, progress->command);
    view->source = copy(view, progress->source);
    view->target = copy(view, progress->target);
    view->seconds = progress_clock() - progress->epoch;
    view->is_onlooker = progress->is_onlooker;
    view->is_stopping = stop_is_requested();
    view->run_number = progress->run_number;
    sum_phases(view, progress, &skipped);
    sample(view, progress, skipped);
    read_tables(view, progress);
    read_tasks(view, progress);
    read_lines(view, progress);
}

void progress_view_take(
    struct progress_view *view, struct progress_rate *rate, struct progress *progress)
{
    pthread_mutex_lock(&progress->lock);
    progress_view_make(view, progress);
    *rate = progress->rate;
    pthread_mutex_unlock(&progress->lock);
}

void progress_view_release(struct progress_view *view)
{
    free(view->tables);
    free(view->lines);
    arena_release(&view->arena);
    *view = (struct progress_view){0};
}
