/*
 * Small chains of dumps of one table "t" with one column: its rows are INTEGERs.
 * A list of rows ends with 0, which is none.
 */
#ifndef TESTS_CHAIN_SAMPLE_H
#define TESTS_CHAIN_SAMPLE_H

#include "base/byte_buffer.h"
#include "base/error.h"
#include "format/checksum.h"
#include "format/dump_writer.h"
#include "format/schema.h"
#include "format/units.h"

#include <stddef.h>
#include <stdint.h>

/* A schema with tables of these names (ended by NULL), each with the columns "a". */
void chain_sample_schema(struct schema *out, const char *const *names);

/* The canonical form of a row, and its hash. */
struct hash128 chain_sample_row(struct byte_buffer *out, int number);

/* Sum and number of the rows of a list. */
struct hash128 chain_sample_sum(const int *rows, uint64_t *row_count);

/* Writes a full dump whose blocks have these rows (ended by NULL). state is its state_id. */
MUST_CHECK bool chain_sample_full(
    const char *path, const int *const *blocks, uint8_t state[SHA256_SIZE], struct error *err);

/* A unit of a delta: one block, if it removes or adds rows. */
struct chain_sample_unit {
    uint32_t source_count;
    const int *removed; /* NULL: none */
    const int *added;
    const int *rows; /* of the new unit, as its one chunk; NULL: none is given */
};

struct chain_sample_delta {
    const char *path;
    const uint8_t *from_state;
    enum table_change change;
    const struct chain_sample_unit *units; /* of a patch */
    size_t unit_count;
    const int *rows; /* of the new state; all of them are sent if the change is TABLE_WHOLE */
};

MUST_CHECK bool chain_sample_write(
    const struct chain_sample_delta *delta, uint8_t state[SHA256_SIZE], struct error *err);

#endif
