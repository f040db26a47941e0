/*
 * Progress on a screen of its own (ncurses): tables, phases, what is at work, what was said.
 *
 * It takes /dev/tty, so standard output and error may go elsewhere. All of ncurses is called in the
 * thread that shows. Ctrl-C reaches the program as ever; Ctrl-Z and Ctrl-S do nothing meanwhile.
 */
#ifndef WATCH_SHOW_SCREEN_H
#define WATCH_SHOW_SCREEN_H

#include "base/error.h"
#include "watch/progress.h"

/* Fails with ERROR_USAGE where there is no terminal, or one that cannot move its cursor. */
MUST_CHECK bool show_screen(struct progress_show *show, struct error *err);

#endif
