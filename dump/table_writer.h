/*
 * Blocks of tables written in order, and what is known about a table when its end
 * comes: the facts about its columns.
 */
#ifndef DUMP_TABLE_WRITER_H
#define DUMP_TABLE_WRITER_H

#include "base/byte_buffer.h"
#include "base/error.h"
#include "dump/block_maker.h"
#include "format/dump_writer.h"
#include "format/schema.h"
#include "format/table_end.h"

#include <stdint.h>

/* A column with texts that PostgreSQL cannot hold. */
struct table_finding {
    uint32_t table;
    uint32_t column;
    uint64_t nul_count;
    uint64_t invalid_utf8_count;
};

/* Zero-initialise but for the first three. */
struct table_writer {
    struct dump_writer *writer;  /* borrowed */
    const struct schema *schema; /* borrowed */
    struct column_facts *facts;  /* owned, zeroed; of the table being written, with room for any */
    uint64_t size;               /* likewise: canonical bytes of its rows, */
    struct hash128 sum;          /* and the sum of the blocks' sums */
    struct byte_buffer findings; /* struct table_finding */
};

void table_writer_release(struct table_writer *tables);

/* Appends a block of rows. Fails with ERROR_IO. */
MUST_CHECK bool table_writer_block(
    struct table_writer *tables, const struct made_block *block, struct error *err);

/*
 * Appends `units`, the body of a UNITS block, unless it is empty, and the end of the table, whose
 * facts and size are filled in, and the sum if all its rows were written. Fails with ERROR_IO.
 */
MUST_CHECK bool table_writer_end(struct table_writer *tables, struct table_end *end,
    const struct byte_buffer *units, struct error *err);

#endif
