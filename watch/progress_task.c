#include "watch/progress_task.h"

static struct progress_slot *take_slot(struct progress *progress)
{
    for (size_t i = 0; i < PROGRESS_TASK_COUNT_MAX; i++) {
        bool is_free = false;

        if (atomic_compare_exchange_strong(&progress->slots[i].is_taken, &is_free, true))
            return &progress->slots[i];
    }
    return NULL;
}

/* Bytes of a row, by what the table is thought to have; another task may be settling that. */
static double average_row_size(struct progress *progress, const struct progress_work *work)
{
    double size = 0;

    pthread_mutex_lock(&progress->lock);
    if (work->total.rows > 0)
        size = (double)work->total.bytes / (double)work->total.rows;
    pthread_mutex_unlock(&progress->lock);
    return size;
}

void progress_task_begin(struct progress_task *task, struct progress *progress,
    enum progress_phase phase, uint32_t table)
{
    struct progress_work *work = progress_work_of(progress, phase, table);

    *task = (struct progress_task){
        .progress = progress, .phase = phase, .table = table, .begun_ms = progress_ms(progress)};
    progress_begin_work(&progress->phases[phase], task->begun_ms);
    atomic_fetch_add(&progress->phases[phase].task_count, 1);
    if (work != NULL) {
        task->row_size = average_row_size(progress, work);
        progress_begin_work(work, task->begun_ms);
        atomic_fetch_add(&work->task_count, 1);
    }
    task->slot = take_slot(progress);
    if (task->slot != NULL) {
        atomic_store(&task->slot->phase, (int)phase);
        atomic_store(&task->slot->table, table);
        atomic_store(&task->slot->begun_ms, task->begun_ms);
    }
}

void progress_task_begin_before(struct progress_task *task, struct progress *progress,
    enum progress_phase phase, uint32_t table, double seconds)
{
    uint64_t before = (uint64_t)(seconds > 0 ? seconds * 1000 : 0);

    progress_task_begin(task, progress, phase, table);
    task->begun_ms = task->begun_ms > before + 1 ? task->begun_ms - before : 1;
    if (task->slot != NULL)
        atomic_store(&task->slot->begun_ms, task->begun_ms);
}

void progress_task_add(struct progress_task *task, const struct progress_count *count)
{
    progress_add(task->progress, task->phase, task->table, count);
}

void progress_task_rows(struct progress_task *task, uint64_t row_count)
{
    struct progress_count count = {.rows = row_count};

    task->row_count += row_count;
    count.bytes = (uint64_t)(task->row_size * (double)task->row_count) - task->size;
    task->size += count.bytes;
    progress_task_add(task, &count);
}

static void end_work(struct progress_work *work, uint64_t begun, uint64_t now)
{
    atomic_fetch_add(&work->busy_ms, now - begun);
    atomic_store(&work->ended_ms, now);
    atomic_fetch_sub(&work->task_count, 1);
}

void progress_task_release(struct progress_task *task)
{
    struct progress_work *work;
    uint64_t now;

    if (task->progress == NULL)
        return;
    now = progress_ms(task->progress);
    work = progress_work_of(task->progress, task->phase, task->table);
    if (task->slot != NULL) {
        atomic_store(&task->slot->begun_ms, 0);
        atomic_store(&task->slot->is_taken, false);
    }
    end_work(&task->progress->phases[task->phase], task->begun_ms, now);
    if (work != NULL)
        end_work(work, task->begun_ms, now);
    task->progress = NULL;
}
