/* How progress is asked for, the same in every program, and starting to show it. */
#ifndef WATCH_WATCH_OPTIONS_H
#define WATCH_WATCH_OPTIONS_H

#include "base/command_line.h"
#include "watch/progress.h"

enum watch_mode {
    WATCH_AUTO, /* the bar on a terminal, else nothing */
    WATCH_BAR,
    WATCH_PLAIN,
    WATCH_JSON, /* on standard error, where nothing else is written then */
    WATCH_NONE,
};

/* Zero-initialise. Texts are borrowed. */
struct watch_options {
    size_t mode;      /* enum watch_mode */
    const char *file; /* JSON there too; NULL: no */
    bool is_curses;   /* a screen of its own */
    bool is_sampled;  /* the course of the work is wanted, even if nothing shows it */
};

#define WATCH_OPTIONS_COUNT 3

/* Fills in the entries --progress, --progress-file and --curses. */
void watch_options_describe(
    struct command_line_option table[WATCH_OPTIONS_COUNT], struct watch_options *options);

/*
 * Attaches what was asked for and starts to show it. Fails with ERROR_USAGE for a screen without a
 * terminal, ERROR_IO for a file that cannot be written.
 */
MUST_CHECK bool watch_options_start(
    const struct watch_options *options, struct progress *progress, struct error *err);

/*
 * The end of it, as progress_finish(). Where standard error is JSON, the failure was told there and
 * its text is emptied: an empty text is not printed again.
 */
void watch_options_finish(const struct watch_options *options, struct progress *progress,
    const char *outcome, struct error *failure);

/* True if standard error is for people. */
bool watch_options_is_text(const struct watch_options *options);

#endif
