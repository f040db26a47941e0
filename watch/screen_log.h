/* What happened, for the screen: phases that began and ended, and what was said. */
#ifndef WATCH_SCREEN_LOG_H
#define WATCH_SCREEN_LOG_H

#include "watch/progress_view.h"

#define SCREEN_LOG_COUNT 100 /* the newest are kept */

struct screen_log_line {
    double seconds; /* since the program began */
    bool is_loud;   /* a warning or a problem */
    char *text;     /* owned; as it came */
};

/* Zero-initialise. */
struct screen_log {
    struct screen_log_line lines[SCREEN_LOG_COUNT]; /* a ring */
    size_t count;                                   /* since the beginning */
    uint64_t line_next;
    uint64_t run_number;
    enum progress_state phases[PROGRESS_PHASE_COUNT]; /* as they were told */
    struct byte_buffer warnings; /* owned; whole lines, to print when the screen is gone */
};

void screen_log_release(struct screen_log *log);

/* Takes over what is new in the view. */
void screen_log_take(struct screen_log *log, const struct progress_view *view);

/* The line `back` before the newest; NULL: there is none. */
const struct screen_log_line *screen_log_line(const struct screen_log *log, size_t back);

#endif
