#include "dump/foreign_base.h"

#include <inttypes.h>
#include <stdlib.h>

#define ROW_COUNT_MIN 10 /* a smaller table may well change as a whole */

/* What is counted of the base's tables that can be told from a stranger's. */
struct likeness {
    uint64_t table_count;
    uint64_t missing_count;  /* of them: not in the database, */
    uint64_t replaced_count; /* and without a row in common with it */
    uint64_t row_count;
    uint64_t strange_row_count; /* of the tables that are missing or replaced */
};

/* Rows of the base that the delta removes, by ordinal in the new schema; owned by the caller. */
static uint64_t *removed_counts(const struct dump_writer *writer, const struct schema *schema)
{
    const struct dump_index *index = dump_writer_index(writer);
    uint64_t *counts = byte_buffer_calloc(schema->table_count + 1, sizeof(*counts));

    for (size_t i = 0; i < index->entry_count; i++)
        if (index->entries[i].type == BLOCK_ROWS)
            counts[index->entries[i].table] += index->entries[i].removed_count;
    return counts;
}

/* True if another table holds these very rows: it was renamed. */
static bool has_rows(
    const struct dump_writer *writer, const struct schema *schema, const struct table_end *old)
{
    const struct table_end *ends = dump_writer_ends(writer);

    for (uint32_t i = 0; i < schema->table_count; i++)
        if (ends[i].row_count == old->row_count && checksum_equal(ends[i].sum, old->sum))
            return true;
    return false;
}

static void count_missing(struct likeness *likeness, const struct table_end *old)
{
    likeness->table_count++;
    likeness->missing_count++;
    likeness->row_count += old->row_count;
    likeness->strange_row_count += old->row_count;
}

static void count_compared(
    struct likeness *likeness, const struct table_end *old, uint64_t removed_count)
{
    bool is_replaced = removed_count == old->row_count;

    likeness->table_count++;
    likeness->replaced_count += is_replaced;
    likeness->row_count += old->row_count;
    likeness->strange_row_count += is_replaced ? old->row_count : 0;
}

static void compare_tables(struct likeness *likeness, const struct dump_reader *base,
    const struct dump_writer *writer, const struct schema *schema)
{
    const struct table_end *ends = dump_writer_ends(writer);
    uint64_t *removed = removed_counts(writer, schema);

    for (uint32_t i = 0; i < base->schema.table_count; i++) {
        const struct schema_table *table =
            schema_find_table(schema, base->schema.tables[i].name.bytes);
        const struct table_end *old = &base->ends[i];
        uint32_t ordinal = table == NULL ? 0 : (uint32_t)(table - schema->tables);

        if (old->row_count < ROW_COUNT_MIN)
            continue;
        if (table == NULL && !has_rows(writer, schema, old))
            count_missing(likeness, old);
        else if (table != NULL && ends[ordinal].row_count > 0
                 && ends[ordinal].change != TABLE_WHOLE)
            count_compared(likeness, old, removed[ordinal]);
    }
    free(removed);
}

const char *foreign_base_warning(struct arena *arena, const struct chain *base,
    const struct dump_writer *writer, const struct schema *schema)
{
    struct likeness likeness = {0};
    uint64_t strange_count;

    compare_tables(&likeness, chain_last(base), writer, schema);
    strange_count = likeness.missing_count + likeness.replaced_count;
    if (strange_count <= likeness.table_count / 2
        || likeness.strange_row_count <= likeness.row_count / 2)
        return NULL;
    return arena_format(arena,
        "of the base's %" PRIu64 " tables that can be compared, %" PRIu64
        " are not in this database and %" PRIu64 " have no row in common with it: is the base a "
        "dump of another database? The delta is exact all the same, but about as large as a full "
        "dump; give the base that belongs to the database, or leave --base out",
        likeness.table_count, likeness.missing_count, likeness.replaced_count);
}
