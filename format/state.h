/* The identity of a state (SPEC 6). */
#ifndef FORMAT_STATE_H
#define FORMAT_STATE_H

#include "format/schema.h"
#include "format/sha256.h"
#include "format/table_end.h"

#define STATE_TEXT_SIZE (2 * SHA256_SIZE + 1) /* hexadecimal, with the final NUL */

/*
 * SHA-256 over the schema's identity and, in name order, every table's name,
 * row_count and sum. ends[i] belongs to the table of ordinal i; those of tables
 * without rows in a dump are not looked at.
 */
void state_compute(
    uint8_t state_id[SHA256_SIZE], const struct schema *schema, const struct table_end *ends);

void state_format(char out[STATE_TEXT_SIZE], const uint8_t state_id[SHA256_SIZE]);

#endif
