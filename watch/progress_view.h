/*
 * A moment of the work, for what shows it: everything counted, nothing moving.
 */
#ifndef WATCH_PROGRESS_VIEW_H
#define WATCH_PROGRESS_VIEW_H

#include "base/arena.h"
#include "watch/progress.h"

enum progress_state {
    PROGRESS_WAITING,
    PROGRESS_ACTIVE,
    PROGRESS_DONE,
};

struct progress_view_work {
    bool is_planned; /* there is something to do, or somebody began */
    bool is_guess;   /* the total is */
    enum progress_state state;
    struct progress_count total;
    struct progress_count done;
    double fraction; /* 0 to 1 */
    double begun;    /* seconds since the program began */
    double ended;
    double busy; /* seconds, of all tasks together */
};

struct progress_view_table {
    const char *name;
    uint32_t number;
    enum progress_state state;
    enum progress_phase phase; /* the one it is in, or was last in */
    double fraction;           /* of all its phases, by weight */
    uint64_t left;             /* bytes, of all its phases, by weight */
    struct progress_view_work works[PROGRESS_PHASE_COUNT];
};

struct progress_view_task {
    enum progress_phase phase;
    uint32_t table;
    double seconds; /* at work on it */
};

/* Zero-initialise. Texts are its own copies, but for program and result. */
struct progress_view {
    const char *program;
    const char *command;
    const char *source;
    const char *target;
    double seconds;      /* since the program began */
    double seconds_left; /* negative: nobody can tell */
    double fraction;     /* of the whole work */
    bool is_stopping;
    bool is_onlooker; /* the work is done by another program */
    uint64_t run_number;
    bool has_phase;            /* one is at work */
    enum progress_phase phase; /* the first of them */
    double rows_per_second;    /* of that phase */
    double bytes_per_second;
    struct progress_view_work phases[PROGRESS_PHASE_COUNT];
    struct progress_view_table *tables; /* owned; in the order they were added */
    uint32_t table_count;
    struct progress_view_task tasks[PROGRESS_TASK_COUNT_MAX];
    size_t task_count;
    struct progress_line *lines; /* owned, with texts of the arena */
    size_t line_count;
    uint64_t line_first;
    const struct progress_result *result; /* NULL before the end */
    struct arena arena;                   /* its texts */
};

/* Reads the counters, and feeds the rate with them. The caller holds the progress's lock. */
void progress_view_make(struct progress_view *view, struct progress *progress);

/* The same for who does not hold the lock, with a copy of the rate. */
void progress_view_take(
    struct progress_view *view, struct progress_rate *rate, struct progress *progress);

void progress_view_release(struct progress_view *view);

/* The part of total that is done, in the best unit there is: bytes, rows, items. */
double progress_view_fraction(
    const struct progress_count *done, const struct progress_count *total);

#endif
