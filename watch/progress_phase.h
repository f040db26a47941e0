/* What work is made of. */
#ifndef WATCH_PROGRESS_PHASE_H
#define WATCH_PROGRESS_PHASE_H

/* In the order in which they begin. */
enum progress_phase {
    PROGRESS_CHECK,   /* looking, before anything is touched */
    PROGRESS_COPY,    /* a copy of the database file */
    PROGRESS_READ,    /* rows out of SQLite */
    PROGRESS_MERGE,   /* dumps into one */
    PROGRESS_LOAD,    /* rows into the target */
    PROGRESS_CHANGE,  /* a delta's rows, removed and added */
    PROGRESS_DERIVE,  /* rows that are computed from others */
    PROGRESS_INDEX,   /* indexes, constraints and triggers come back */
    PROGRESS_ANALYZE, /* the planner's statistics */
    PROGRESS_VERIFY,  /* reading back and comparing */
    PROGRESS_PHASE_COUNT,
};

/* "load", "verify", ...: a word for programs. */
const char *progress_phase_name(enum progress_phase phase);

/* "loading", "verifying": for people. */
const char *progress_phase_label(enum progress_phase phase);

/* What a phase costs in comparison, when all work on the same rows; load is 1. */
double progress_phase_weight(enum progress_phase phase);

#endif
