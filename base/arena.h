/*
 * Memory that dies at once.
 *
 * What is allocated from an arena lives until arena_release(); nothing in it is
 * freed alone. Zero-initialise. Running out of memory ends the process.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena_chunk;

struct arena {
    struct arena_chunk *chunks; /* newest first */
};

void arena_release(struct arena *arena);

/* count * size zeroed bytes, aligned for any type. */
void *arena_alloc(struct arena *arena, size_t count, size_t size);

/* A NUL-ended copy of size bytes (which may contain NUL) or of a string. */
char *arena_copy(struct arena *arena, const void *bytes, size_t size);
char *arena_text(struct arena *arena, const char *text);

/* Formatted text of any length. The second form is for functions with "...". */
char *arena_format(struct arena *arena, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *arena_format_list(struct arena *arena, const char *fmt, va_list args)
    __attribute__((format(printf, 2, 0)));

#endif
