/*
 * Text being written, of bounded size.
 *
 * An append that does not fit is our own mistake and ends the process.
 */
#ifndef BENCH_SYNTHETIC_TEXT_H
#define BENCH_SYNTHETIC_TEXT_H

#include "synthetic_random.h"

#include <stddef.h>

#define SYNTHETIC_TEXT_CAPACITY 65536

struct synthetic_text {
    size_t size;
    char bytes[SYNTHETIC_TEXT_CAPACITY]; /* always NUL-ended */
};

void synthetic_text_clear(struct synthetic_text *text);
void synthetic_text_format(struct synthetic_text *text, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Appends count random characters of the base64 alphabet, or of its URL form. */
void synthetic_text_base64(
    struct synthetic_text *text, struct synthetic_random *random, size_t count);
void synthetic_text_base64url(
    struct synthetic_text *text, struct synthetic_random *random, size_t count);

#endif
