/*
 * Progress for programs: one JSON object a line (docs/progress.md).
 *
 * A line is written by one call of the system, so that those of a killed run are whole.
 */
#ifndef WATCH_SHOW_JSON_H
#define WATCH_SHOW_JSON_H

#include "watch/progress_view.h"

#define SHOW_JSON_VERSION 1
#define SHOW_JSON_BEGINNING "{\"sequence\": " /* of every line, so of every file */

/* Writes to fd, which is closed at the end if is_owned. What cannot be written is left out. */
struct progress_show show_json(int fd, bool is_owned);

#endif
