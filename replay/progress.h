/* How far the work has come, for who waits for it: one line on standard error, if a terminal. */
#ifndef REPLAY_PROGRESS_H
#define REPLAY_PROGRESS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct progress {
    pthread_mutex_t lock;
    bool is_shown;
    const char *step;
    uint64_t done;
    uint64_t total;
    double last_shown; /* seconds on a monotonic clock */
};

/* Shows only on a terminal, and not when is_quiet. */
void progress_init(struct progress *progress, bool is_quiet);
void progress_release(struct progress *progress);

/* Begins a step of `total` units ("rows", "indexes"): step is "loading rows". */
void progress_step(struct progress *progress, const char *step, uint64_t total);

/* So many units more are done. Any thread may call it. */
void progress_add(struct progress *progress, uint64_t units);

/* Seconds on a clock that never jumps. */
double progress_clock(void);

#endif
