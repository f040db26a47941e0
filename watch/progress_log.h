/* What was said and is to be read: those not shown yet, and the newest of those before. */
#ifndef WATCH_PROGRESS_LOG_H
#define WATCH_PROGRESS_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROGRESS_LOG_COUNT_MAX 500 /* older lines are forgotten once they were shown */

enum progress_kind { PROGRESS_NOTE, PROGRESS_WARNING, PROGRESS_PROBLEM };

/* Something to be read. */
struct progress_line {
    uint64_t ms;
    enum progress_kind kind;
    char *text;   /* owned */
    char *advice; /* owned; NULL: none */
};

/* Zero-initialise. */
struct progress_log {
    struct progress_line *lines; /* owned */
    size_t count;
    size_t room;
    uint64_t first; /* number of lines[0] since the beginning */
    uint64_t shown; /* so many since the beginning were shown */
};

void progress_log_release(struct progress_log *log);

/* Appends a line, whose texts become the log's; waits_for_show: none is forgotten before it was
   shown. */
void progress_log_add(
    struct progress_log *log, const struct progress_line *line, bool waits_for_show);

/* Writes a warning to standard error, made safe for a terminal. */
void progress_log_print_warning(const char *program, const char *text);

#endif
