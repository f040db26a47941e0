#include "base/arena.h"

#include "base/byte_buffer.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define CHUNK_SIZE ((size_t)16 * 1024) /* bytes, less for nothing and more for large wishes */
#define ALIGNMENT ((size_t)16)

struct arena_chunk {
    struct arena_chunk *next;
    size_t size;
    size_t used;
    _Alignas(16) uint8_t bytes[];
};

void arena_release(struct arena *arena)
{
    while (arena->chunks != NULL) {
        struct arena_chunk *next = arena->chunks->next;

        free(arena->chunks);
        arena->chunks = next;
    }
}

void *arena_alloc(struct arena *arena, size_t count, size_t size)
{
    size_t wanted;
    struct arena_chunk *chunk = arena->chunks;
    void *found;

    if (size != 0 && count > (SIZE_MAX - CHUNK_SIZE) / size)
        abort();
    wanted = (count * size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
    if (chunk == NULL || wanted > chunk->size - chunk->used) {
        size_t room = wanted > CHUNK_SIZE ? wanted : CHUNK_SIZE;

        chunk = byte_buffer_calloc(1, sizeof(*chunk) + room);
        chunk->size = room;
        chunk->next = arena->chunks;
        arena->chunks = chunk;
    }
    found = chunk->bytes + chunk->used;
    chunk->used += wanted;
    return found;
}

char *arena_copy(struct arena *arena, const void *bytes, size_t size)
{
    char *copy = arena_alloc(arena, size + 1, 1);

    if (size > 0)
        memcpy(copy, bytes, size);
    return copy;
}

char *arena_text(struct arena *arena, const char *text)
{
    return arena_copy(arena, text, strlen(text));
}

char *arena_format_list(struct arena *arena, const char *fmt, va_list args)
{
    va_list again;
    char *text;
    int size;

    va_copy(again, args);
    size = vsnprintf(NULL, 0, fmt, args);
    if (size < 0)
        abort(); /* longer than INT_MAX */
    text = arena_alloc(arena, (size_t)size + 1, 1);
    vsnprintf(text, (size_t)size + 1, fmt, again);
    va_end(again);
    return text;
}

char *arena_format(struct arena *arena, const char *fmt, ...)
{
    va_list args;
    char *text;

    va_start(args, fmt);
    text = arena_format_list(arena, fmt, args);
    va_end(args);
    return text;
}
