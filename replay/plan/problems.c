#include "replay/plan/problems.h"

#include "base/byte_buffer.h"

#include <stdarg.h>
#include <stdlib.h>

void problems_release(struct problems *problems)
{
    free(problems->items);
    free(problems->notes);
    arena_release(&problems->arena);
    *problems = (struct problems){0};
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
        .text = arena_format_list(&problems->arena, fmt, arguments),
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
        .text = arena_format_list(&problems->arena, fmt, arguments),
        .advice = advice == NULL ? NULL : arena_text(&problems->arena, advice),
    };
    va_end(arguments);
}
