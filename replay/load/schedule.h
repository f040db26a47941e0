/*
 * Work of which some must wait for other work, on several sessions at once.
 *
 * A task runs when all tasks that come before it are done. Of those that can
 * run, the one with the longest way to the end goes first, by the costs of what
 * comes after it: so no session is left alone with long work at the end. When a
 * task fails, the others finish the task that they are at.
 */
#ifndef REPLAY_SCHEDULE_H
#define REPLAY_SCHEDULE_H

#include "base/error.h"
#include "replay/load/workers.h"
#include "watch/progress.h"

#include <stddef.h>
#include <stdint.h>

/* Does one task; called by several threads at a time. */
typedef bool schedule_do(
    void *context, size_t item, struct connection *connection, struct error *err);

struct schedule_task {
    enum progress_phase phase; /* is ended after its last task */
    uint64_t cost;             /* about, in bytes loaded by COPY */
    schedule_do *run;          /* NULL: a gate, a moment that other tasks wait for */
    void *context;
    size_t item;
};

/* The tasks of a phase. */
struct schedule_phase {
    size_t task_count; /* not done */
    double seconds;    /* that the sessions spent on them, all added up */
};

/* One task comes before another. */
struct schedule_link {
    size_t before;
    size_t after;
};

/* Zero-initialise, but for what is borrowed. */
struct schedule {
    struct progress *progress;
    struct schedule_phase phases[PROGRESS_PHASE_COUNT];
    struct schedule_task *tasks; /* owned */
    size_t task_count;
    size_t task_capacity;
    struct schedule_link *links; /* owned */
    size_t link_count;
    size_t link_capacity;
};

/* The number by which the new task is known. */
size_t schedule_add(struct schedule *schedule, const struct schedule_task *task);

size_t schedule_add_gate(struct schedule *schedule);

/* Task `after` waits for task `before`. There must be no circle. */
void schedule_order(struct schedule *schedule, size_t before, size_t after);

/* Runs all tasks. Fails as the first task that failed did, or with ERROR_STOPPED. */
MUST_CHECK bool schedule_run(struct schedule *schedule, struct workers *workers, struct error *err);

void schedule_release(struct schedule *schedule);

#endif
