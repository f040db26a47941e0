/*
 * A command line as data: what manual pages and the completion of shells are made from, so that
 * they cannot say anything else than --help.
 */
#ifndef BASE_COMMAND_LINE_JSON_H
#define BASE_COMMAND_LINE_JSON_H

#include "base/byte_buffer.h"
#include "base/command_line.h"

/*
 * Appends an object: program, version, synopsis (a list), summary, options (objects with either
 * heading, or letter, name, value, choices, repeats and help), commands (name and summary),
 * operand, epilogue. What is absent is null.
 */
void command_line_json_put(const struct command_line *line, struct byte_buffer *out);

#endif
