/* How far a dump is, told on standard error. */
#ifndef DUMP_DUMP_PROGRESS_H
#define DUMP_DUMP_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum dump_progress_mode {
    DUMP_PROGRESS_AUTO = 0,  /* a line that changes, when standard error is a terminal */
    DUMP_PROGRESS_PLAIN = 1, /* a new line every few seconds */
    DUMP_PROGRESS_NONE = 2,
};

struct dump_progress {
    enum dump_progress_mode mode;
    bool is_live;      /* a terminal whose last line is ours */
    bool has_line;     /* something stands in it */
    uint64_t size_all; /* bytes of the database file */
    struct timespec start;
    uint64_t shown_ms; /* when the last line was shown, since start */
};

/* Where a dump stands. */
struct dump_progress_state {
    const char *table;
    uint64_t row_count;
    uint64_t size;         /* canonical bytes read */
    uint64_t written_size; /* bytes */
};

/* Starts the clock. */
void dump_progress_init(
    struct dump_progress *progress, enum dump_progress_mode mode, uint64_t size_all);

/* Shows the state if it is time for that. */
void dump_progress_show(struct dump_progress *progress, const struct dump_progress_state *state);

/* Takes the changing line away, so that something else can be printed. */
void dump_progress_clear(struct dump_progress *progress);

/* Milliseconds since dump_progress_init(). */
uint64_t dump_progress_ms(const struct dump_progress *progress);

/* "1.5 GB": bytes in decimal units, with three digits or so. */
#define DUMP_PROGRESS_SIZE_TEXT 32 /* bytes */
void dump_progress_format_size(char out[DUMP_PROGRESS_SIZE_TEXT], uint64_t size);

#endif
