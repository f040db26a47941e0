#include "replay/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define INTERVAL 0.2 /* seconds between two lines */

double progress_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void progress_init(struct progress *progress, bool is_quiet)
{
    *progress = (struct progress){.is_shown = !is_quiet && isatty(STDERR_FILENO)};
    pthread_mutex_init(&progress->lock, NULL);
}

static void wipe(const struct progress *progress)
{
    if (progress->is_shown && progress->step != NULL)
        fputs("\r\033[K", stderr);
}

void progress_release(struct progress *progress)
{
    wipe(progress);
    pthread_mutex_destroy(&progress->lock);
}

static void show(struct progress *progress)
{
    double now = progress_clock();

    if (!progress->is_shown || now - progress->last_shown < INTERVAL)
        return;
    progress->last_shown = now;
    fprintf(stderr, "\r\033[K%s: %" PRIu64 " of %" PRIu64, progress->step, progress->done,
        progress->total);
    fflush(stderr);
}

void progress_step(struct progress *progress, const char *step, uint64_t total)
{
    pthread_mutex_lock(&progress->lock);
    wipe(progress);
    progress->step = step;
    progress->done = 0;
    progress->total = total;
    progress->last_shown = 0;
    show(progress);
    pthread_mutex_unlock(&progress->lock);
}

void progress_add(struct progress *progress, uint64_t units)
{
    pthread_mutex_lock(&progress->lock);
    progress->done += units;
    show(progress);
    pthread_mutex_unlock(&progress->lock);
}
