#include "replay/target/target_distribution.h"

#include "base/owned.h"

bool target_distribution_read(struct target_read *read, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};

    /* Elsewhere there is no such catalog. */
    if (!read->catalog->server.has_citus)
        return true;
    if (!target_read_query(read,
            "SELECT c.oid FROM pg_catalog.pg_dist_partition AS p"
            " JOIN pg_catalog.pg_class AS c ON c.oid = p.logicalrelid WHERE c.relnamespace = $1",
            &rows, err))
        return false;
    for (size_t i = 0; i < rows.row_count; i++) {
        struct target_table *table =
            target_read_table(read, (uint32_t)connection_rows_integer(&rows, i, 0));

        if (table != NULL)
            table->is_distributed = true;
    }
    return true;
}
