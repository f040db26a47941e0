/*
 * After the rows: what was taken down comes back, sequences are set, and the
 * planner learns about the new rows. Every step may be repeated.
 */
#ifndef REPLAY_FINISH_H
#define REPLAY_FINISH_H

#include "base/error.h"
#include "replay/load/loader.h"

/* Zero-initialise. */
struct finishing {
    const struct loader *loader;
    const struct plan_input *input;
    struct finishing_range *analyses; /* owned */
    size_t analysis_count;
    size_t sequence_count; /* result: that were set */
};

/* Adds to the stages all saved DDL, ANALYZE of every table that is written, and the sequences. */
void finish_plan(
    struct finishing *finishing, const struct loader *loader, const struct plan_input *input);

void finishing_release(struct finishing *finishing);

#endif
