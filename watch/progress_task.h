/* One piece of work in one thread: what the screen shows as a connection at work. */
#ifndef WATCH_PROGRESS_TASK_H
#define WATCH_PROGRESS_TASK_H

#include "watch/progress.h"

/* Zero-initialise; release ends it. */
struct progress_task {
    struct progress *progress;
    enum progress_phase phase;
    uint32_t table;
    struct progress_slot *slot; /* NULL: there were too many */
    uint64_t begun_ms;
    double row_size;    /* bytes, for progress_task_rows() */
    uint64_t row_count; /* told by it */
    uint64_t size;
};

/* Also begins the phase. */
void progress_task_begin(struct progress_task *task, struct progress *progress,
    enum progress_phase phase, uint32_t table);

/* The same, for work that has been going on for so many seconds. */
void progress_task_begin_before(struct progress_task *task, struct progress *progress,
    enum progress_phase phase, uint32_t table, double seconds);

void progress_task_add(struct progress_task *task, const struct progress_count *count);

/* So many rows more are done; bytes follow from the mean size of the table's rows in total. */
void progress_task_rows(struct progress_task *task, uint64_t row_count);

void progress_task_release(struct progress_task *task);

#endif
