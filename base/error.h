/*
 * The one way a call fails.
 *
 * Every function that can fail returns bool (true: done) and takes a last
 * argument `struct error *err`. On false, err says what went wrong; on true,
 * err is untouched. Callers add context with error_wrap() as they return.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdbool.h>

#define MUST_CHECK __attribute__((warn_unused_result))

/* What the operator can do about it; also the program's exit status. */
enum error_kind {
    ERROR_USAGE = 2,       /* wrong arguments or configuration */
    ERROR_REJECTED = 3,    /* the work is done, but not every row is as it was */
    ERROR_IO = 4,          /* the operating system refused; retry may help */
    ERROR_NOT_DUMP = 5,    /* the file is of another kind: its magic does not match */
    ERROR_CORRUPT = 6,     /* the file is of our kind but damaged */
    ERROR_UNSUPPORTED = 7, /* the file is sound but newer than this program */
    ERROR_DATABASE = 8,    /* SQLite or PostgreSQL reported an error */
    ERROR_REFUSED = 9,     /* a precondition does not hold; nothing was touched */
    ERROR_MISMATCH = 10,   /* verification found a difference */
    ERROR_STOPPED = 11,    /* stopped cleanly on request (SIGINT, SIGTERM) */
};

#define ERROR_TEXT_SIZE 1024 /* bytes, including the final NUL */

struct error {
    enum error_kind kind;
    char text[ERROR_TEXT_SIZE]; /* empty: the user was told already */
};

/* Records a failure. Always returns false, so: return error_set(err, ...). */
bool error_set(struct error *err, enum error_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Prepends "context: " to a recorded failure. Always returns false. */
bool error_wrap(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Records ERROR_IO as "<what the format says>: <text of errno>". Always returns false. */
bool error_set_errno(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
