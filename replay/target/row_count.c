#include "replay/target/row_count.h"

#include "base/owned.h"
#include "postgres/quote.h"

bool row_count_read(struct connection *connection, const struct target_table *table,
    int64_t *row_count, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    OWNED(connection_rows) struct connection_rows rows = {0};

    quote_plain(&sql, "SELECT count(*) FROM ");
    quote_plain(&sql, target_catalog_only(table));
    quote_qualified(&sql, table->schema, table->name);
    if (!connection_query(connection, quote_text(&sql), NULL, &rows, err))
        return false;
    *row_count = connection_rows_integer(&rows, 0, 0);
    return true;
}
