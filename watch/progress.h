/*
 * What a program is doing, told by those who do it, shown by others.
 *
 * Work has phases (load, index, verify, ...), phases work on tables. Whoever works
 * adds to counters, which are atomic and never locked; a thread of its own
 * samples them and hands a view (watch/progress_view.h) to what shows it: a
 * line, a screen, JSON. Phases may overlap. Every call but progress_init() to
 * progress_start() and progress_finish() may come from any thread, but tables are
 * added and planned while nobody works on them.
 */
#ifndef WATCH_PROGRESS_H
#define WATCH_PROGRESS_H

#include "base/byte_buffer.h"
#include "base/error.h"
#include "watch/progress_log.h"
#include "watch/progress_rate.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROGRESS_NO_TABLE UINT32_MAX
#define PROGRESS_TASK_COUNT_MAX 128 /* more at the same time are not shown */
#define PROGRESS_SHOW_COUNT_MAX 3

/* An amount of work. What has no bytes is measured in rows, what has no rows in items. */
struct progress_count {
    uint64_t rows;
    uint64_t bytes;
    uint64_t items; /* statements, tables, blocks */
};

struct progress_cell {
    atomic_uint_least64_t rows;
    atomic_uint_least64_t bytes;
    atomic_uint_least64_t items;
};

/* One phase, or one phase of one table. */
struct progress_work {
    struct progress_count total;
    struct progress_cell done;
    struct progress_cell skipped;     /* part of done that cost no time: an earlier run did it */
    atomic_uint_least64_t begun_ms;   /* since the program began, at least 1; 0: not begun */
    atomic_uint_least64_t ended_ms;   /* of the last task so far */
    atomic_uint_least64_t busy_ms;    /* of all tasks together */
    atomic_uint_least32_t task_count; /* at work now */
    atomic_bool is_ended;             /* for good */
};

struct progress_table {
    char *name; /* owned */
    struct progress_work works[PROGRESS_PHASE_COUNT];
};

/* A hand at work. */
struct progress_slot {
    atomic_bool is_taken;
    atomic_int phase;
    atomic_uint_least32_t table;
    atomic_uint_least64_t begun_ms;
};

struct progress_view;

/*
 * Something that shows. Called by one thread, without the lock: it may take its time, and whoever
 * works goes on. Only progress_finish() waits for it.
 */
struct progress_show {
    double interval; /* seconds between two calls of tick */
    void *context;
    void (*tick)(void *context, const struct progress_view *view);
    /* The last call: view->result is set. */
    void (*close)(void *context, const struct progress_view *view);
    double last; /* when tick was called */
};

struct progress_result {
    bool is_known;
    int exit_status;
    const char *outcome; /* one word */
    const char *error;   /* NULL: none */
};

/* Zero-initialise, then progress_init(). */
struct progress {
    const char *program; /* borrowed: "valise-replay" */
    char *command;       /* owned: "replay", "verify" */
    char *source;        /* owned; may be NULL */
    char *target;        /* owned; may be NULL */
    double epoch;        /* of the clock */
    bool is_initialised;
    bool is_running;   /* the thread is there */
    bool is_finished;  /* progress_finish() was called */
    bool prints_lines; /* nothing shows: lines go to standard error at once */
    pthread_t thread;
    struct progress_work phases[PROGRESS_PHASE_COUNT];
    struct progress_slot slots[PROGRESS_TASK_COUNT_MAX];
    struct progress_rate rate;

    pthread_mutex_t lock;  /* guards what follows, and the names above */
    pthread_cond_t wake;   /* the thread: something is to be shown */
    pthread_cond_t shown;  /* it was */
    uint64_t made_count;   /* views made so far */
    uint64_t shown_number; /* of the last that everything showed */
    bool is_ending;
    bool is_asked;      /* something is to be shown now */
    uint32_t planned;   /* bits of phases that the run will have */
    uint32_t estimated; /* bits of phases whose total is a guess */
    bool is_onlooker;
    uint64_t run_number;            /* counts progress_reset() */
    struct progress_table **tables; /* owned */
    uint32_t table_count;
    struct progress_log log;
    struct progress_show shows[PROGRESS_SHOW_COUNT_MAX];
    size_t show_count;
    struct progress_result result;
};

void progress_init(struct progress *progress, const char *program, const char *command);
void progress_release(struct progress *progress);

/* Adds something that shows, before progress_start(). */
void progress_attach(struct progress *progress, const struct progress_show *show);

/* Starts the thread that samples. Fails with ERROR_IO. */
MUST_CHECK bool progress_start(struct progress *progress, struct error *err);

/*
 * The end: failure is NULL when all went well. Everything is shown for the last time, and what
 * shows is closed. outcome is one word for programs; NULL: what the failure's kind says. Called
 * again, it does nothing.
 */
void progress_finish(struct progress *progress, const char *outcome, const struct error *failure);

/* What is worked on: a file, a database. No passwords. NULL leaves it as it is. */
void progress_describe(struct progress *progress, const char *source, const char *target);

/* The work is done by another program, which goes on when this one stops. */
void progress_watch_only(struct progress *progress);

/* The work began so many seconds before the program. */
void progress_began_before(struct progress *progress, double seconds);

/* Forgets tables, phases and totals: the next of several dumps begins. */
void progress_reset(struct progress *progress);

/* Adds a table; returns its number, from 0. */
uint32_t progress_table(struct progress *progress, const char *name);

/* The run will have this phase, and more to do in it. table may be PROGRESS_NO_TABLE. */
void progress_plan(struct progress *progress, enum progress_phase phase, uint32_t table,
    const struct progress_count *total);

/* The totals of this phase are a guess. */
void progress_guess(struct progress *progress, enum progress_phase phase);

/* The table has no more of this phase: a guess is replaced by what was done. */
void progress_settle(struct progress *progress, enum progress_phase phase, uint32_t table);

void progress_begin(struct progress *progress, enum progress_phase phase);
void progress_end(struct progress *progress, enum progress_phase phase);

/* So much more is done. */
void progress_add(struct progress *progress, enum progress_phase phase, uint32_t table,
    const struct progress_count *count);

/* So much need not be done: an earlier run did it. */
void progress_skip(struct progress *progress, enum progress_phase phase, uint32_t table,
    const struct progress_count *count);

/* So much is done in all, says another source than the one who works. */
void progress_set(struct progress *progress, enum progress_phase phase, uint32_t table,
    const struct progress_count *count);

/* For watch/progress_task.c: a table's phase (NULL without a table), and the time. */
struct progress_work *progress_work_of(
    struct progress *progress, enum progress_phase phase, uint32_t table);
uint64_t progress_ms(const struct progress *progress);

/* The first to begin is the one who does. */
void progress_begin_work(struct progress_work *work, uint64_t ms);

struct progress_count progress_read_cell(struct progress_cell *cell);

/* Something to be read, one line. advice may be NULL. */
void progress_tell(
    struct progress *progress, enum progress_kind kind, const char *text, const char *advice);

/* Seconds on a clock that never jumps. */
double progress_clock(void);

#endif
