/*
 * Memory that dies at once.
 *
 * What is allocated from an arena lives until arena_release(); nothing in it is
 * freed alone. Zero-initialise. Running out of memory ends the process.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

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
char *arena_format(struct arena *arena, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
