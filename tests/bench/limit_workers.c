#include "limit_workers.h"

#include <pthread.h>
#include <stdlib.h>

#define CONNECTION_MAX 64

struct pool {
    limit_workers_task run;
    void *context;
    size_t task_count;
    pthread_mutex_t lock; /* guards what follows */
    size_t next_task;
    bool has_failed;
    struct error *err; /* of the first failure */
};

bool limit_workers_fail(PGconn *connection, const char *sql, struct error *err)
{
    return error_set(err, ERROR_DATABASE, "%.100s: %s", sql, PQerrorMessage(connection));
}

bool limit_workers_command(PGconn *connection, const char *sql, struct error *err)
{
    PGresult *result = PQexec(connection, sql);
    bool done = PQresultStatus(result) == PGRES_COMMAND_OK;

    PQclear(result);
    return done || limit_workers_fail(connection, sql, err);
}

/* The next task; false if there is none, or another connection has failed. */
static bool take_task(struct pool *pool, size_t *task)
{
    bool taken;

    pthread_mutex_lock(&pool->lock);
    taken = !pool->has_failed && pool->next_task < pool->task_count;
    if (taken)
        *task = pool->next_task++;
    pthread_mutex_unlock(&pool->lock);
    return taken;
}

static void report(struct pool *pool, const struct error *err)
{
    pthread_mutex_lock(&pool->lock);
    if (!pool->has_failed)
        *pool->err = *err;
    pool->has_failed = true;
    pthread_mutex_unlock(&pool->lock);
}

static void *work(void *argument)
{
    struct pool *pool = argument;
    PGconn *connection = PQconnectdb("");
    struct error err;
    size_t task;

    if (PQstatus(connection) != CONNECTION_OK) {
        limit_workers_fail(connection, "connect", &err);
        report(pool, &err);
    }
    while (take_task(pool, &task)) {
        if (!pool->run(connection, pool->context, task, &err))
            report(pool, &err);
    }
    PQfinish(connection);
    return NULL;
}

bool limit_workers_run(size_t connection_count, size_t task_count, limit_workers_task run,
    void *context, struct error *err)
{
    struct pool pool = {.run = run, .context = context, .task_count = task_count, .err = err};
    pthread_t threads[CONNECTION_MAX];
    size_t started = 0;

    pthread_mutex_init(&pool.lock, NULL);
    while (started < connection_count && pthread_create(&threads[started], NULL, work, &pool) == 0)
        started++;
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    pthread_mutex_destroy(&pool.lock);
    if (started < connection_count)
        return error_set(err, ERROR_IO, "cannot start %zu threads", connection_count);
    return !pool.has_failed;
}

size_t limit_workers_parse(const char *text)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);

    return *end == '\0' && number <= CONNECTION_MAX ? number : 0;
}
