/* Values and rows of a dump in messages: short, printable, and still to be found again. */
#ifndef REPLAY_ROW_WORDS_H
#define REPLAY_ROW_WORDS_H

#include "format/schema.h"
#include "format/value.h"

#include <stdint.h>

#define ROW_WORDS_VALUE_SIZE 192 /* bytes, with the final NUL */
#define ROW_WORDS_KEY_SIZE 256

/* "7", "'text...' (90 bytes)", "x'6162'". */
void row_words_value(char out[ROW_WORDS_VALUE_SIZE], const struct value *value);

/* "id = 7" of the primary key; where there is none, "row 5 of the dump". */
void row_words_key(char out[ROW_WORDS_KEY_SIZE], const struct schema_table *table,
    const struct value *values, uint64_t row_number);

#endif
