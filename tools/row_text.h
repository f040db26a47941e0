/*
 * Rows as text: exact, and harmless on a terminal.
 *
 * Every value has one form in each format, from which class and bytes follow:
 *
 *            SQL                    JSON                    CSV
 *   NULL     NULL                   null                    (nothing)
 *   INTEGER  12                     12                      12
 *   REAL     1.5, 2.0, 9e999        1.5, 2.0                1.5, 2.0, inf
 *            (infinite in JSON: {"real": "inf"})
 *   TEXT     'it''s'                "it's"                  "it's" (always quoted)
 *   BLOB     X'00ff'                {"blob": "00ff"}        X'00ff'
 *
 * TEXT that is not UTF-8, or (but in JSON, which escapes them) has control characters other than
 * tab and line feed, is written by its bytes: CAST(X'00' AS TEXT), {"text": "ff"}, T'00'.
 */
#ifndef TOOLS_ROW_TEXT_H
#define TOOLS_ROW_TEXT_H

#include "base/byte_buffer.h"
#include "format/schema.h"
#include "format/value.h"

enum row_text_format {
    ROW_TEXT_SQL,
    ROW_TEXT_CSV,
    ROW_TEXT_JSONL,
};

/* Appends one value. */
void row_text_value(
    struct byte_buffer *out, enum row_text_format format, const struct value *value);

/* Appends a line of CSV with the names of the columns. */
void row_text_heading(struct byte_buffer *out, const struct schema_table *table);

/*
 * Appends one row as a line: an INSERT without generated columns, a line of CSV, or an object. A
 * TEXT may have line feeds in SQL and CSV.
 */
void row_text_put(struct byte_buffer *out, enum row_text_format format,
    const struct schema_table *table, const struct value *values);

/* Appends (1, 'a', NULL) in SQL's form. */
void row_text_tuple(struct byte_buffer *out, const struct value *values, uint32_t count);

#endif
