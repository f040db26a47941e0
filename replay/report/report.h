/* What a replay did, for a person and as JSON. */
#ifndef REPLAY_REPORT_H
#define REPLAY_REPORT_H

#include "base/byte_buffer.h"
#include "format/state.h"
#include "replay/load/outcome.h"
#include "replay/plan/plan.h"
#include "replay/plan/problems.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum report_outcome {
    REPORT_FAILED,
    REPORT_REFUSED,
    REPORT_PLANNED, /* a dry run */
    REPORT_NOTHING, /* was replayed before */
    REPORT_DONE,
    REPORT_UNDONE, /* a delta was taken back */
};

struct estimate;
struct progress_view;
struct progress_rate;

/* Filled as the replay goes; everything in it is borrowed and may be missing. */
struct report {
    enum report_outcome outcome;
    bool is_resumed;
    bool is_delta;
    bool is_undo; /* the delta is taken back, or that is rehearsed */
    const char *dump;
    char state[STATE_TEXT_SIZE];
    uint64_t dump_size; /* bytes of the file */
    const char *server; /* version */
    const char *database;
    const char *profile; /* title; NULL: none */
    const struct plan *plan;
    const struct estimate *estimate; /* of a dry run; else NULL */
    const struct problems *problems;
    size_t jobs;
    struct outcome work;
    const struct progress_view *view; /* how it went; NULL: not known */
    const struct progress_rate *rate;
    double total_seconds; /* from beginning to end */
};

/* "done", "refused", ...: a word for programs. */
const char *report_outcome_name(enum report_outcome outcome);

/* Appends the summary for a person. */
void report_text(const struct report *report, struct byte_buffer *out);

/* Appends all problems, each with what to do. */
void report_problems(const struct problems *problems, struct byte_buffer *out);

#endif
