#include "dump/table_writer.h"

#include <stdlib.h>
#include <string.h>

void table_writer_release(struct table_writer *tables)
{
    free(tables->facts);
    byte_buffer_release(&tables->findings);
    *tables = (struct table_writer){0};
}

bool table_writer_block(
    struct table_writer *tables, const struct made_block *block, struct error *err)
{
    const struct schema_table *table = &tables->schema->tables[block->entry.table];

    for (uint32_t i = 0; i < table->column_count; i++)
        table_end_merge(&tables->facts[i], &block->facts[i]);
    tables->size += block->size;
    tables->sum = checksum_add(tables->sum, block->entry.sum);
    return dump_writer_append(tables->writer, &block->entry, block->frame, err);
}

static void note_findings(struct table_writer *tables, const struct table_end *end)
{
    for (uint32_t i = 0; i < end->column_count; i++) {
        const struct column_facts *facts = &end->facts[i];
        struct table_finding finding = {
            .table = end->table,
            .column = i,
            .nul_count = facts->nul_count,
            .invalid_utf8_count = facts->invalid_utf8_count,
        };

        if (facts->nul_count > 0 || facts->invalid_utf8_count > 0)
            byte_buffer_put(&tables->findings, &finding, sizeof(finding));
    }
}

bool table_writer_end(struct table_writer *tables, struct table_end *end,
    const struct byte_buffer *units, struct error *err)
{
    end->facts = tables->facts;
    end->size = tables->size;
    if (end->change == TABLE_WHOLE)
        end->sum = tables->sum;
    note_findings(tables, end);
    if (units->size > 0 && !dump_writer_block(tables->writer, BLOCK_UNITS, end->table, units, err))
        return false;
    if (!dump_writer_table_end(tables->writer, end, err))
        return false;
    memset(tables->facts, 0, end->column_count * sizeof(*tables->facts));
    tables->size = 0;
    tables->sum = (struct hash128){0};
    return true;
}
