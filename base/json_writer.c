#include "base/json_writer.h"

#include "base/utf8.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_SIZE 40 /* bytes, of any number as text */

static void put(struct json_writer *w, const char *text)
{
    byte_buffer_put_text(w->out, text);
}

static void put_line(struct json_writer *w)
{
    if (w->is_one_line)
        return;
    byte_buffer_put_u8(w->out, '\n');
    for (size_t i = 0; i < w->depth; i++)
        put(w, "  ");
}

/* What stands between the last value and the next name, or value of an array. */
static void separate(struct json_writer *w)
{
    if (w->depth == 0)
        return;
    if (w->has_items[w->depth - 1])
        put(w, ",");
    w->has_items[w->depth - 1] = true;
    put_line(w);
}

static void before_value(struct json_writer *w)
{
    assert(w->depth == 0 || w->is_object[w->depth - 1] == w->has_name);
    if (!w->has_name)
        separate(w);
    w->has_name = false;
}

static void begin(struct json_writer *w, bool is_object)
{
    before_value(w);
    assert(w->depth < JSON_WRITER_DEPTH_MAX);
    w->is_object[w->depth] = is_object;
    w->has_items[w->depth] = false;
    w->depth++;
    put(w, is_object ? "{" : "[");
}

static void end(struct json_writer *w, bool is_object)
{
    assert(w->depth > 0 && w->is_object[w->depth - 1] == is_object && !w->has_name);
    w->depth--;
    if (w->has_items[w->depth])
        put_line(w);
    put(w, is_object ? "}" : "]");
}

void json_writer_begin_object(struct json_writer *w)
{
    begin(w, true);
}

void json_writer_end_object(struct json_writer *w)
{
    end(w, true);
}

void json_writer_begin_array(struct json_writer *w)
{
    begin(w, false);
}

void json_writer_end_array(struct json_writer *w)
{
    end(w, false);
}

/* --- texts ------------------------------------------------------------------ */

static void put_escaped(struct json_writer *w, uint8_t byte)
{
    static const char named[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    const char *found = byte == 0 ? NULL : strchr(named, byte);
    char code[8];

    if (found != NULL)
        snprintf(code, sizeof(code), "\\%c", letters[found - named]);
    else
        snprintf(code, sizeof(code), "\\u%04x", byte);
    put(w, code);
}

static void put_quoted(struct json_writer *w, const uint8_t *at, size_t size)
{
    put(w, "\"");
    while (size > 0) {
        size_t step = utf8_character_size(at, size);

        if (step == 0) {
            put(w, "\xef\xbf\xbd");
            step = 1;
        } else if (step == 1 && (at[0] < 0x20 || at[0] == 0x7f || at[0] == '"' || at[0] == '\\')) {
            put_escaped(w, at[0]);
        } else {
            byte_buffer_put(w->out, at, step);
        }
        at += step;
        size -= step;
    }
    put(w, "\"");
}

void json_writer_name(struct json_writer *w, const char *name)
{
    assert(w->depth > 0 && w->is_object[w->depth - 1] && !w->has_name);
    separate(w);
    put_quoted(w, (const uint8_t *)name, strlen(name));
    put(w, ": ");
    w->has_name = true;
}

void json_writer_bytes(struct json_writer *w, const void *bytes, size_t size)
{
    before_value(w);
    put_quoted(w, bytes, size);
}

void json_writer_text(struct json_writer *w, const char *text)
{
    if (text == NULL)
        json_writer_null(w);
    else
        json_writer_bytes(w, text, strlen(text));
}

/* --- other values ----------------------------------------------------------- */

void json_writer_integer(struct json_writer *w, int64_t value)
{
    char text[NUMBER_SIZE];

    before_value(w);
    snprintf(text, sizeof(text), "%" PRId64, value);
    put(w, text);
}

void json_writer_unsigned(struct json_writer *w, uint64_t value)
{
    char text[NUMBER_SIZE];

    before_value(w);
    snprintf(text, sizeof(text), "%" PRIu64, value);
    put(w, text);
}

void json_writer_number(struct json_writer *w, double value)
{
    char text[NUMBER_SIZE];

    before_value(w);
    /* The shortest of the two that reads back the same. */
    snprintf(text, sizeof(text), "%.15g", value);
    if (strtod(text, NULL) != value)
        snprintf(text, sizeof(text), "%.17g", value);
    put(w, isfinite(value) ? text : "null");
}

void json_writer_boolean(struct json_writer *w, bool value)
{
    before_value(w);
    put(w, value ? "true" : "false");
}

void json_writer_null(struct json_writer *w)
{
    before_value(w);
    put(w, "null");
}

void json_writer_named_text(struct json_writer *w, const char *name, const char *text)
{
    json_writer_name(w, name);
    json_writer_text(w, text);
}

void json_writer_named_unsigned(struct json_writer *w, const char *name, uint64_t value)
{
    json_writer_name(w, name);
    json_writer_unsigned(w, value);
}

void json_writer_named_boolean(struct json_writer *w, const char *name, bool value)
{
    json_writer_name(w, name);
    json_writer_boolean(w, value);
}

void json_writer_finish(struct json_writer *w)
{
    assert(w->depth == 0 && !w->has_name);
    put(w, "\n");
}
