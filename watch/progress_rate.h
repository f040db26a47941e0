/*
 * How fast work goes, and how long the rest takes.
 *
 * Fed with samples of what is done in each phase. Speeds are averages in which
 * older samples weigh less; what an earlier run did is not counted as speed.
 */
#ifndef WATCH_PROGRESS_RATE_H
#define WATCH_PROGRESS_RATE_H

#include "watch/progress_phase.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROGRESS_SAMPLE_COUNT 240

/* What was done at one moment, since the beginning. */
struct progress_sample {
    double seconds;
    uint64_t rows[PROGRESS_PHASE_COUNT];
    uint64_t bytes[PROGRESS_PHASE_COUNT];
};

struct progress_rate {
    bool is_begun;
    struct progress_sample last;
    double rows_per_second[PROGRESS_PHASE_COUNT];
    double bytes_per_second[PROGRESS_PHASE_COUNT];
    double fraction;        /* of the whole work, that was done in this run */
    double fraction_second; /* of the whole work, in a second */
    double begun;           /* seconds, of the first sample */
    /* The course of it, for a chart: when it is full, every other sample is dropped. */
    struct progress_sample history[PROGRESS_SAMPLE_COUNT];
    size_t history_count;
    double history_step; /* seconds between two */
};

/* fraction is that of the whole work which this run has done. Samples that come too soon are
   left out. */
void progress_rate_feed(
    struct progress_rate *rate, const struct progress_sample *sample, double fraction);

/* Seconds until `left` (a fraction of the whole work) is done; negative: nobody can tell yet. */
double progress_rate_left(const struct progress_rate *rate, double left);

/* Starts anew; the history stays. */
void progress_rate_reset(struct progress_rate *rate);

#endif
