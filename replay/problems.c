#include "replay/problems.h"

#include "base/byte_buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void problems_release(struct problems *problems)
{
    free(problems->items);
    free(problems->notes);
    arena_release(&problems->arena);
    *problems = (struct problems){0};
}

static const char *format_text(struct arena *arena, const char *fmt, va_list arguments)
    __attribute__((format(printf, 2, 0)));

static const char *format_text(struct arena *arena, const char *fmt, va_list arguments)
{
    char *text = NULL;
    const char *copy;

    if (vasprintf(&text, fmt, arguments) < 0)
        abort();
    copy = arena_text(arena, text);
    free(text);
    return copy;
}

static struct problem *append(struct problem *items, size_t *count)
{
    items = byte_buffer_realloc(items, (*count + 1) * sizeof(*items));
    (*count)++;
    return items;
}

void problems_add(struct problems *problems, const char *advice, const char *fmt, ...)
{
    va_list arguments;

    problems->items = append(problems->items, &problems->count);
    va_start(arguments, fmt);
    problems->items[problems->count - 1] = (struct problem){
        .text = format_text(&problems->arena, fmt, arguments),
        .advice = advice == NULL ? NULL : arena_text(&problems->arena, advice),
    };
    va_end(arguments);
}

void problems_note(struct problems *problems, const char *advice, const char *fmt, ...)
{
    va_list arguments;

    problems->notes = append(problems->notes, &problems->note_count);
    va_start(arguments, fmt);
    problems->notes[problems->note_count - 1] = (struct problem){
        .text = format_text(&problems->arena, fmt, arguments),
        .advice = advice == NULL ? NULL : arena_text(&problems->arena, advice),
    };
    va_end(arguments);
}
