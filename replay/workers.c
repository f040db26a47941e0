#include "replay/workers.h"

#include "base/byte_buffer.h"
#include "base/owned.h"
#include "base/stop.h"
#include "postgres/quote.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CLOSE_WAIT_COUNT_MAX 1000
#define CLOSE_WAIT_NS 10000000L /* a hundredth of a second */

/* One call of workers_run(). */
struct run {
    struct workers *workers;
    size_t task_count;
    workers_do *work;
    void *context;
    pthread_mutex_t lock; /* guards what follows */
    size_t next_task;
    bool has_failed;
    struct error error; /* of the first failure */
};

/* A thread of a run. */
struct hand {
    struct run *run;
    size_t worker;
    pthread_t thread;
};

bool workers_open(struct workers *workers, const struct connection_target *target, size_t count,
    const char *setup, struct error *err)
{
    workers->connections = byte_buffer_calloc(count, sizeof(*workers->connections));
    for (workers->count = 0; workers->count < count; workers->count++) {
        struct connection *connection = &workers->connections[workers->count];

        if (!connection_open(connection, target, err) || !connection_exec(connection, setup, err)) {
            connection_release(connection);
            return error_wrap(err, "connection %zu of %zu", workers->count + 1, count);
        }
    }
    return true;
}

void workers_release(struct workers *workers)
{
    for (size_t i = 0; i < workers->count; i++)
        connection_release(&workers->connections[i]);
    free(workers->connections);
    *workers = (struct workers){0};
}

static bool is_any_left(
    struct connection *observer, const char *sql, bool *is_left, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (!stop_check(err) || !connection_query(observer, sql, NULL, &rows, err))
        return false;
    *is_left = rows.row_count > 0;
    return true;
}

bool workers_close(struct workers *workers, struct connection *observer, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    bool is_left = workers->count > 0;

    quote_plain(&sql, "SELECT pid FROM pg_catalog.pg_stat_activity WHERE pid IN (0");
    for (size_t i = 0; i < workers->count; i++) {
        char pid[24];

        snprintf(pid, sizeof(pid), ", %d", connection_backend_pid(&workers->connections[i]));
        quote_plain(&sql, pid);
    }
    quote_plain(&sql, ")");
    workers_release(workers);
    for (int i = 0; is_left && i < CLOSE_WAIT_COUNT_MAX; i++) {
        if (!is_any_left(observer, quote_text(&sql), &is_left, err))
            return false;
        if (is_left)
            nanosleep(&(struct timespec){.tv_nsec = CLOSE_WAIT_NS}, NULL);
    }
    return !is_left
           || error_set(err, ERROR_DATABASE, "the sessions of this replay do not end; try again");
}

static bool take_task(struct run *run, size_t *task)
{
    bool taken;

    pthread_mutex_lock(&run->lock);
    taken = !run->has_failed && run->next_task < run->task_count;
    if (taken)
        *task = run->next_task++;
    pthread_mutex_unlock(&run->lock);
    return taken;
}

static void note_failure(struct run *run, const struct error *error)
{
    pthread_mutex_lock(&run->lock);
    if (!run->has_failed)
        run->error = *error;
    run->has_failed = true;
    pthread_mutex_unlock(&run->lock);
}

static void *work_on(void *argument)
{
    struct hand *hand = argument;
    struct run *run = hand->run;
    struct workers_turn turn = {
        .connection = &run->workers->connections[hand->worker], .worker = hand->worker};
    struct error error;

    while (take_task(run, &turn.task))
        if (!stop_check(&error) || !run->work(run->context, &turn, &error))
            note_failure(run, &error);
    return NULL;
}

bool workers_run(
    struct workers *workers, size_t task_count, workers_do *work, void *context, struct error *err)
{
    struct run run = {
        .workers = workers, .task_count = task_count, .work = work, .context = context};
    size_t count = workers->count < task_count ? workers->count : task_count;
    struct hand *hands = byte_buffer_calloc(count + 1, sizeof(*hands));
    size_t started = 0;

    pthread_mutex_init(&run.lock, NULL);
    for (; started < count; started++) {
        int failure;

        hands[started] = (struct hand){.run = &run, .worker = started};
        failure = pthread_create(&hands[started].thread, NULL, work_on, &hands[started]);
        if (failure != 0 && started == 0) {
            error_set(&run.error, ERROR_IO, "cannot start a thread: %s", strerror(failure));
            run.has_failed = true;
        }
        if (failure != 0)
            break; /* fewer hands do the work as well */
    }
    for (size_t i = 0; i < started; i++)
        pthread_join(hands[i].thread, NULL);
    pthread_mutex_destroy(&run.lock);
    free(hands);
    if (run.has_failed)
        *err = run.error;
    return !run.has_failed;
}
