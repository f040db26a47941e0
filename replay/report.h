/* What a replay did, for a person and as JSON. */
#ifndef REPLAY_REPORT_H
#define REPLAY_REPORT_H

#include "base/byte_buffer.h"
#include "format/state.h"
#include "replay/plan.h"
#include "replay/problems.h"
#include "replay/verify.h"

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

enum report_step {
    REPORT_STEP_CHECK,
    REPORT_STEP_LOAD,
    REPORT_STEP_RESTORE,
    REPORT_STEP_FINISH,
    REPORT_STEP_VERIFY,
    REPORT_STEP_COUNT,
};

struct estimate;
struct progress_view;
struct progress_rate;

/* Filled as the replay goes; everything in it is borrowed and may be missing. */
struct report {
    enum report_outcome outcome;
    bool is_resumed;
    bool is_delta;
    size_t changed_table_count; /* of a delta */
    uint64_t removed_count;     /* rows */
    uint64_t added_count;
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
    size_t restored_count; /* indexes, constraints, triggers taken down and brought back */
    size_t sequence_count;
    enum verify_level verify_level;
    struct verify_result verified;
    double seconds[REPORT_STEP_COUNT]; /* that connections spent: steps overlap */
    const struct progress_view *view;  /* how it went; NULL: not known */
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
