#include "replay/load/schedule.h"

#include "base/byte_buffer.h"
#include "base/owned.h"
#include "base/stop.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* One call of schedule_run(). */
struct run {
    struct schedule *schedule;
    size_t *first_link;     /* owned: the links of a task begin there; one more than tasks */
    uint64_t *way;          /* owned: cost of a task and of the longest way after it */
    pthread_mutex_t lock;   /* guards what follows, and the phases */
    pthread_cond_t changed; /* signals it */
    size_t *wait_count;     /* owned: tasks that must be done before it */
    size_t *ready;          /* owned: tasks that can run, the longest way last */
    size_t ready_count;
    size_t running_count;
    bool has_failed;
    struct error error; /* of the first failure */
};

/* A thread of a run. */
struct hand {
    struct run *run;
    struct connection *connection;
    pthread_t thread;
};

/* --- making ---------------------------------------------------------------------- */

size_t schedule_add(struct schedule *schedule, const struct schedule_task *task)
{
    if (schedule->task_count == schedule->task_capacity) {
        schedule->task_capacity = schedule->task_capacity * 2 + 64;
        schedule->tasks = byte_buffer_realloc(
            schedule->tasks, schedule->task_capacity * sizeof(*schedule->tasks));
    }
    schedule->tasks[schedule->task_count] = *task;
    if (task->run != NULL)
        schedule->phases[task->phase].task_count++;
    return schedule->task_count++;
}

size_t schedule_add_gate(struct schedule *schedule)
{
    return schedule_add(schedule, &(struct schedule_task){0});
}

void schedule_order(struct schedule *schedule, size_t before, size_t after)
{
    if (schedule->link_count == schedule->link_capacity) {
        schedule->link_capacity = schedule->link_capacity * 2 + 64;
        schedule->links = byte_buffer_realloc(
            schedule->links, schedule->link_capacity * sizeof(*schedule->links));
    }
    schedule->links[schedule->link_count++] =
        (struct schedule_link){.before = before, .after = after};
}

void schedule_release(struct schedule *schedule)
{
    free(schedule->tasks);
    free(schedule->links);
    schedule->tasks = NULL;
    schedule->links = NULL;
}

/* --- the longest ways --------------------------------------------------------------- */

static void run_release(struct run *run)
{
    free(run->first_link);
    free(run->way);
    free(run->wait_count);
    free(run->ready);
    pthread_mutex_destroy(&run->lock);
    pthread_cond_destroy(&run->changed);
}

static int compare_links(const void *a, const void *b)
{
    const struct schedule_link *x = a;
    const struct schedule_link *y = b;

    return x->before < y->before ? -1 : x->before > y->before;
}

static void count_links(struct run *run)
{
    struct schedule *schedule = run->schedule;
    size_t next = 0;

    if (schedule->link_count > 0)
        qsort(schedule->links, schedule->link_count, sizeof(*schedule->links), compare_links);
    for (size_t i = 0; i < schedule->link_count; i++)
        run->wait_count[schedule->links[i].after]++;
    for (size_t task = 0; task <= schedule->task_count; task++) {
        while (next < schedule->link_count && schedule->links[next].before < task)
            next++;
        run->first_link[task] = next;
    }
}

/* All tasks, each after those that come before it. */
static void sort_tasks(const struct run *run, size_t *sorted)
{
    const struct schedule *schedule = run->schedule;
    size_t *waits = byte_buffer_calloc(schedule->task_count + 1, sizeof(*waits));
    size_t count = 0;

    memcpy(waits, run->wait_count, schedule->task_count * sizeof(*waits));
    for (size_t i = 0; i < schedule->task_count; i++)
        if (waits[i] == 0)
            sorted[count++] = i;
    for (size_t at = 0; at < count; at++)
        for (size_t i = run->first_link[sorted[at]]; i < run->first_link[sorted[at] + 1]; i++)
            if (--waits[schedule->links[i].after] == 0)
                sorted[count++] = schedule->links[i].after;
    assert(count == schedule->task_count);
    free(waits);
}

static void measure_ways(struct run *run)
{
    const struct schedule *schedule = run->schedule;
    size_t *sorted = byte_buffer_calloc(schedule->task_count + 1, sizeof(*sorted));

    sort_tasks(run, sorted);
    for (size_t at = schedule->task_count; at-- > 0;) {
        size_t task = sorted[at];
        uint64_t longest = 0;

        for (size_t i = run->first_link[task]; i < run->first_link[task + 1]; i++)
            if (run->way[schedule->links[i].after] > longest)
                longest = run->way[schedule->links[i].after];
        run->way[task] = longest + schedule->tasks[task].cost;
    }
    free(sorted);
}

/* --- running ----------------------------------------------------------------------- */

/* Of equal ways the first task goes first. */
static bool goes_before(const struct run *run, size_t a, size_t b)
{
    return run->way[a] != run->way[b] ? run->way[a] > run->way[b] : a < b;
}

static void make_ready(struct run *run, size_t task)
{
    size_t low = 0;
    size_t high = run->ready_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (goes_before(run, run->ready[middle], task))
            high = middle;
        else
            low = middle + 1;
    }
    memmove(run->ready + low + 1, run->ready + low, (run->ready_count - low) * sizeof(*run->ready));
    run->ready[low] = task;
    run->ready_count++;
}

static void release_waiting(struct run *run, size_t task);

static void step_closer(struct run *run, size_t task)
{
    if (--run->wait_count[task] > 0)
        return;
    if (run->schedule->tasks[task].run == NULL)
        release_waiting(run, task);
    else
        make_ready(run, task);
}

/* The task is done: those that only waited for it can run. Gates follow each other but a few deep.
 */
static void release_waiting(struct run *run, size_t task)
{
    for (size_t i = run->first_link[task]; i < run->first_link[task + 1]; i++)
        step_closer(run, run->schedule->links[i].after);
}

static void begin(struct run *run)
{
    size_t *first = byte_buffer_calloc(run->schedule->task_count + 1, sizeof(*first));
    size_t count = 0;

    for (size_t i = 0; i < run->schedule->task_count; i++)
        if (run->wait_count[i] == 0)
            first[count++] = i;
    for (size_t i = 0; i < count; i++) {
        run->wait_count[first[i]] = 1;
        step_closer(run, first[i]);
    }
    free(first);
}

static bool take(struct run *run, size_t *task)
{
    bool taken;

    pthread_mutex_lock(&run->lock);
    while (run->ready_count == 0 && run->running_count > 0 && !run->has_failed)
        pthread_cond_wait(&run->changed, &run->lock);
    taken = run->ready_count > 0 && !run->has_failed;
    if (taken) {
        *task = run->ready[--run->ready_count];
        run->running_count++;
    }
    pthread_mutex_unlock(&run->lock);
    return taken;
}

static void note_done(struct run *run, size_t task, double seconds)
{
    const struct schedule_task *done = &run->schedule->tasks[task];
    struct schedule_phase *phase = &run->schedule->phases[done->phase];

    pthread_mutex_lock(&run->lock);
    phase->seconds += seconds;
    if (--phase->task_count == 0)
        progress_end(run->schedule->progress, done->phase);
    release_waiting(run, task);
    run->running_count--;
    pthread_cond_broadcast(&run->changed);
    pthread_mutex_unlock(&run->lock);
}

static void note_failure(struct run *run, const struct error *error)
{
    pthread_mutex_lock(&run->lock);
    if (!run->has_failed)
        run->error = *error;
    run->has_failed = true;
    run->running_count--;
    pthread_cond_broadcast(&run->changed);
    pthread_mutex_unlock(&run->lock);
}

static void *work_on(void *argument)
{
    struct hand *hand = argument;
    struct run *run = hand->run;
    struct error error;
    size_t task;

    while (take(run, &task)) {
        const struct schedule_task *todo = &run->schedule->tasks[task];
        double begun = progress_clock();

        if (stop_check(&error) && todo->run(todo->context, todo->item, hand->connection, &error))
            note_done(run, task, progress_clock() - begun);
        else
            note_failure(run, &error);
    }
    return NULL;
}

/* Fewer hands than connections do the work as well. */
static void work(struct run *run, struct workers *workers)
{
    struct hand *hands = byte_buffer_calloc(workers->count + 1, sizeof(*hands));
    size_t started = 0;
    int failure = 0;

    for (; started < workers->count; started++) {
        struct hand *hand = &hands[started];

        *hand = (struct hand){.run = run, .connection = &workers->connections[started]};
        failure = pthread_create(&hand->thread, NULL, work_on, hand);
        if (failure != 0)
            break;
    }
    for (size_t i = 0; i < started; i++)
        pthread_join(hands[i].thread, NULL);
    if (started == 0)
        run->has_failed =
            !error_set(&run->error, ERROR_IO, "cannot start a thread: %s", strerror(failure));
    free(hands);
}

bool schedule_run(struct schedule *schedule, struct workers *workers, struct error *err)
{
    size_t count = schedule->task_count + 1;
    OWNED(run)
    struct run run = {
        .schedule = schedule,
        .first_link = byte_buffer_calloc(count + 1, sizeof(size_t)),
        .way = byte_buffer_calloc(count, sizeof(uint64_t)),
        .wait_count = byte_buffer_calloc(count, sizeof(size_t)),
        .ready = byte_buffer_calloc(count, sizeof(size_t)),
    };

    pthread_mutex_init(&run.lock, NULL);
    pthread_cond_init(&run.changed, NULL);
    count_links(&run);
    measure_ways(&run);
    begin(&run);
    work(&run, workers);
    if (run.has_failed)
        *err = run.error;
    return !run.has_failed;
}
