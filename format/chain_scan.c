#include "format/chain_scan.h"

#include "base/owned.h"

#include <inttypes.h>
#include <stdlib.h>

void chain_scan_release(struct chain_scan *scan)
{
    block_ahead_close(scan->ahead);
    chain_table_release(&scan->table);
    chain_rows_release(&scan->rows);
    free(scan->values);
    *scan = (struct chain_scan){0};
}

static const struct schema_table *table_of(const struct chain_scan *scan)
{
    const struct chain_table *table = &scan->table;

    return &chain_last(table->chain)->schema.tables[table->ordinals[table->link_count - 1]];
}

bool chain_scan_open(
    struct chain_scan *scan, const struct chain *chain, uint32_t ordinal, struct error *err)
{
    const struct schema_table *table = &chain_last(chain)->schema.tables[ordinal];

    if (scan->ahead != NULL)
        block_ahead_forget(scan->ahead);
    chain_table_release(&scan->table);
    if (!chain_table_open(&scan->table, chain, ordinal, &scan->rows.buffer, err))
        return false;
    if (!scan->table.is_whole)
        return error_set(err, ERROR_REFUSED,
            "%s is a delta and holds only what changed in table \"%s\": give the full dump that it "
            "follows before it",
            chain->dumps[0].file.path, table->name.bytes);
    scan->values = byte_buffer_realloc(scan->values, table->column_count * sizeof(*scan->values));
    scan->next_unit = 0;
    scan->row_count = 0;
    scan->sum = (struct hash128){0};
    if (scan->ahead == NULL && !block_ahead_open(&scan->ahead, err))
        return false;
    scan->rows.ahead = scan->ahead;
    for (uint32_t i = 0; i < chain_table_units(&scan->table)->unit_count; i++)
        chain_rows_announce(scan->ahead, &scan->table, i, 1);
    return chain_rows_open(&scan->rows, &scan->table, 0, 0, err);
}

static bool check_end(const struct chain_scan *scan, struct error *err)
{
    const struct dump_reader *last = chain_last(scan->table.chain);
    const struct table_end *end = &last->ends[scan->table.ordinals[scan->table.link_count - 1]];

    if (scan->row_count == end->row_count
        && (scan->skips_hashes || checksum_equal(scan->sum, end->sum)))
        return true;
    return error_set(err, ERROR_CORRUPT,
        "%s: table \"%s\" has %" PRIu64 " rows, its end says %" PRIu64 ", or their sums differ",
        last->file.path, table_of(scan)->name.bytes, scan->row_count, end->row_count);
}

bool chain_scan_next(struct chain_scan *scan, bool *is_row, struct error *err)
{
    uint32_t unit_count = chain_table_units(&scan->table)->unit_count;

    for (;;) {
        if (!chain_rows_next(&scan->rows, scan->values, is_row, err))
            return error_wrap(err, "table \"%s\"", table_of(scan)->name.bytes);
        if (*is_row) {
            scan->row_count++;
            if (!scan->skips_hashes)
                scan->sum = checksum_add(scan->sum, chain_rows_hash(&scan->rows, scan->values));
            return true;
        }
        if (scan->next_unit == unit_count)
            return check_end(scan, err);
        if (!chain_rows_open(&scan->rows, &scan->table, scan->next_unit, 1, err))
            return error_wrap(err, "table \"%s\"", table_of(scan)->name.bytes);
        scan->next_unit++;
    }
}
