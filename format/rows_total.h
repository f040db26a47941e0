/* What the rows of a ROWS block add up to, and show (SPEC 5.3, 5.4). */
#ifndef FORMAT_ROWS_TOTAL_H
#define FORMAT_ROWS_TOTAL_H

#include "base/byte_buffer.h"
#include "format/checksum.h"
#include "format/rows_block.h"
#include "format/table_end.h"
#include "format/value.h"

#include <stdint.h>

/* Zero-initialise; one block after the other. */
struct rows_total {
    struct hash128 sum;         /* of the added rows, less that of the removed ones */
    uint64_t cut;               /* low half of the last row's hash */
    uint64_t size;              /* canonical bytes of the added rows */
    struct column_facts *facts; /* owned; of the added rows, by column */

    struct byte_buffer row; /* canonical bytes of one row */
    struct value *values;   /* owned */
    uint32_t column_max;    /* allocated */
};

void rows_total_release(struct rows_total *total);

/* Adds up all rows of the block, which has just been decoded. */
void rows_total_add_up(struct rows_total *total, struct rows_block *rows);

#endif
