#include "synthetic_text.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

void synthetic_text_clear(struct synthetic_text *text)
{
    text->size = 0;
    text->bytes[0] = '\0';
}

void synthetic_text_format(struct synthetic_text *text, const char *fmt, ...)
{
    size_t room = sizeof(text->bytes) - text->size;
    va_list args;
    int used;

    va_start(args, fmt);
    used = vsnprintf(text->bytes + text->size, room, fmt, args);
    va_end(args);
    assert(used >= 0 && (size_t)used < room);
    text->size += (size_t)used;
}

static void append_base64(
    struct synthetic_text *text, struct synthetic_random *random, size_t count)
{
    assert(count < sizeof(text->bytes) - text->size);
    synthetic_random_base64url(random, text->bytes + text->size, count);
    text->size += count;
}

void synthetic_text_base64(
    struct synthetic_text *text, struct synthetic_random *random, size_t count)
{
    char *next = text->bytes + text->size;

    append_base64(text, random, count);
    for (; *next != '\0'; next++) {
        if (*next == '-')
            *next = '+';
        else if (*next == '_')
            *next = '/';
    }
}

void synthetic_text_base64url(
    struct synthetic_text *text, struct synthetic_random *random, size_t count)
{
    append_base64(text, random, count);
}
