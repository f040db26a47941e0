/*
 * The terminal, given back whatever happens.
 *
 * While it is held, a crash, an exit() and a second signal to stop first write what brings it back
 * to how it was. Only kill -9 cannot be answered. One terminal at a time.
 */
#ifndef WATCH_TERMINAL_GUARD_H
#define WATCH_TERMINAL_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

/* What is needed to bring it back: its settings and what to write (at most 256 bytes). */
struct terminal_guard {
    int fd;
    struct termios settings;
    char text[256];
    size_t text_size;
};

/* True if the terminal of the environment's TERM can move its cursor. */
bool terminal_guard_has_screen(int fd);

/* Fills in fd and text, after the screen was begun. Not for two threads at once. */
void terminal_guard_learn(struct terminal_guard *guard, int fd);

void terminal_guard_hold(const struct terminal_guard *guard);

/* It was given back in another way. */
void terminal_guard_let_go(void);

#endif
