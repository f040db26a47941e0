/*
 * Values and rows as SQLite stores them (SPEC 4).
 *
 * A value keeps its storage class and its bytes; nothing is converted. A row has
 * one canonical byte form, which its hash is taken from.
 */
#ifndef FORMAT_VALUE_H
#define FORMAT_VALUE_H

#include "base/byte_buffer.h"
#include "base/byte_reader.h"
#include "format/checksum.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* SQLite's storage classes; the numbers are those of the file. */
enum value_class {
    VALUE_NULL = 0,
    VALUE_INTEGER = 1,
    VALUE_REAL = 2,
    VALUE_TEXT = 3,
    VALUE_BLOB = 4,
};

#define VALUE_CLASS_COUNT 5
#define ROW_SIZE_MAX ((size_t)0x7fff0000) /* bytes of a row's canonical form, SPEC 9 */

struct value {
    enum value_class class;
    uint32_t size;        /* TEXT and BLOB: bytes */
    const uint8_t *bytes; /* TEXT and BLOB: borrowed */
    union {
        int64_t integer;
        double real;
    };
};

/* Appends the canonical form of one value (SPEC 4.1). */
void value_encode(struct byte_buffer *out, const struct value *value);

/*
 * Reads one value; TEXT and BLOB borrow the reader's bytes. On an unknown class
 * or a missing byte, sets r->overrun and returns NULL-class.
 */
struct value value_decode(struct byte_reader *r);

/* "NULL", "INTEGER", ... as in SQLite's documentation. */
const char *value_class_name(enum value_class class);

#endif
