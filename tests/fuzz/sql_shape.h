/*
 * SQL with hostile names in it: whatever the names are, nothing of them may
 * stand outside quotes.
 */
#ifndef TESTS_SQL_SHAPE_H
#define TESTS_SQL_SHAPE_H

#include "base/byte_buffer.h"

#include <stdbool.h>
#include <stddef.h>

/* Asserts that every quote is closed, and that only words, numbers and marks of ours are outside
   of them: no comment, no other quoting, no byte beyond ASCII, no more than statement_max ";". */
void sql_shape_check(const struct byte_buffer *sql, size_t statement_max);

/* The same for a script, which may have comments: each ends with its line, and has no control
   character. Any number of statements. */
void sql_shape_check_script(const struct byte_buffer *sql);

/* Asserts that the SQL is one quoted text that means these bytes, and nothing else. */
void sql_shape_check_quoted(const struct byte_buffer *sql, char mark, const char *text);

#endif
