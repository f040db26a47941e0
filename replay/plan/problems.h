/*
 * Everything that speaks against a replay, collected before it begins.
 *
 * A problem says what is wrong and what to do; a note is only worth knowing.
 */
#ifndef REPLAY_PROBLEMS_H
#define REPLAY_PROBLEMS_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>

struct problem {
    const char *text;
    const char *advice; /* what to do; NULL: nothing */
};

/* Zero-initialise. */
struct problems {
    struct arena arena;
    struct problem *items; /* owned */
    size_t count;
    struct problem *notes; /* owned */
    size_t note_count;
};

void problems_release(struct problems *problems);

/* advice may be NULL; it is copied. */
void problems_add(struct problems *problems, const char *advice, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

void problems_note(struct problems *problems, const char *advice, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
