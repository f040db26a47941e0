/*
 * Rows of a dump as the data of a COPY ... FROM STDIN.
 *
 * Binary where every column has a binary form, else text. Counts the rows and
 * sums the hashes of what reading them back must yield, for verification.
 */
#ifndef REPLAY_COPY_ENCODER_H
#define REPLAY_COPY_ENCODER_H

#include "base/byte_buffer.h"
#include "base/error.h"
#include "format/checksum.h"
#include "replay/values/convert.h"
#include "replay/values/type_map.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COPY_ENCODER_FLUSH_SIZE ((size_t)256 << 10) /* bytes worth sending */

/* A column that is loaded: where its value is in a row of the dump, and what it becomes. */
struct copy_column {
    uint32_t source;
    struct type_map type;
};

struct copy_encoder {
    const struct copy_column *columns; /* borrowed */
    size_t column_count;
    bool is_text;               /* some column has no binary form */
    bool is_exact;              /* what is sent is what comes back, byte for byte */
    struct byte_buffer data;    /* to send; emptied by the caller */
    struct byte_buffer scratch; /* the row's probe and its normalised form */
    struct byte_buffer normal;
    uint64_t row_count;
    struct hash128 sum;
};

void copy_encoder_init(
    struct copy_encoder *encoder, const struct copy_column *columns, size_t column_count);
void copy_encoder_release(struct copy_encoder *encoder);

/* Appends what goes before the first and after the last row. */
void copy_encoder_begin(struct copy_encoder *encoder);
void copy_encoder_end(struct copy_encoder *encoder);

/*
 * Appends one row; values are the dump's columns. Fails with ERROR_REFUSED naming the column and
 * the value's fault: preflight has found those before, so it is not expected.
 */
MUST_CHECK bool copy_encoder_row(
    struct copy_encoder *encoder, const struct value *values, struct error *err);

/*
 * The hash of a row as COPY ... TO STDOUT (FORMAT binary) yields it: size bytes, without file
 * header. Fails with ERROR_DATABASE when it is no tuple of these columns.
 */
MUST_CHECK bool copy_encoder_hash_tuple(struct copy_encoder *encoder, const uint8_t *bytes,
    size_t size, struct hash128 *hash, struct error *err);

#endif
