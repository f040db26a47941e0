/*
 * JSON written as it comes.
 *
 * Calls follow the document: begin, name, value, end. Commas and indentation
 * (two spaces) come by themselves. Texts may be any bytes: invalid UTF-8 becomes
 * U+FFFD, control characters are escaped. A call out of order is our own mistake
 * and asserted. Zero-initialise, set out; is_one_line leaves out line feeds.
 */
#ifndef BASE_JSON_WRITER_H
#define BASE_JSON_WRITER_H

#include "base/byte_buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_WRITER_DEPTH_MAX 32

struct json_writer {
    struct byte_buffer *out; /* borrowed; appended to */
    bool is_one_line;
    size_t depth;
    bool is_object[JSON_WRITER_DEPTH_MAX];
    bool has_items[JSON_WRITER_DEPTH_MAX];
    bool has_name; /* a name was written, its value comes next */
};

void json_writer_begin_object(struct json_writer *w);
void json_writer_end_object(struct json_writer *w);
void json_writer_begin_array(struct json_writer *w);
void json_writer_end_array(struct json_writer *w);

/* The name of the next value of an object. */
void json_writer_name(struct json_writer *w, const char *name);

/* Values. A NULL text is null; a number that is not finite too. */
void json_writer_text(struct json_writer *w, const char *text);
void json_writer_bytes(struct json_writer *w, const void *bytes, size_t size);
void json_writer_integer(struct json_writer *w, int64_t value);
void json_writer_unsigned(struct json_writer *w, uint64_t value);
void json_writer_number(struct json_writer *w, double value);
void json_writer_boolean(struct json_writer *w, bool value);
void json_writer_null(struct json_writer *w);

/* Name and value at once. */
void json_writer_named_text(struct json_writer *w, const char *name, const char *text);
void json_writer_named_unsigned(struct json_writer *w, const char *name, uint64_t value);
void json_writer_named_boolean(struct json_writer *w, const char *name, bool value);

/* After the outermost end: the final line feed. */
void json_writer_finish(struct json_writer *w);

#endif
