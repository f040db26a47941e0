#include "replay/ledger/table_state.h"

#include "base/owned.h"
#include "postgres/connection_transaction.h"
#include "postgres/quote.h"
#include "replay/ledger/mapping.h"
#include "replay/values/source_rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* --- comparing ------------------------------------------------------------------- */

static bool read_state(
    struct connection *connection, struct connection_rows *rows, struct error *err)
{
    OWNED(connection_rows) struct connection_rows exists = {0};

    if (!connection_query(
            connection, "SELECT to_regclass('valise.table_state') IS NOT NULL", NULL, &exists, err))
        return false;
    return !connection_rows_boolean(&exists, 0, 0)
           || connection_query(connection,
               "SELECT table_name, row_count, sum_low, sum_high FROM valise.table_state", NULL,
               rows, err);
}

static bool is_same(
    const struct connection_rows *rows, const char *table, const struct table_end *end)
{
    for (size_t i = 0; i < rows->row_count; i++)
        if (strcmp(connection_rows_text(rows, i, 0), table) == 0)
            return (uint64_t)connection_rows_integer(rows, i, 1) == end->row_count
                   && (uint64_t)connection_rows_integer(rows, i, 2) == end->sum.low
                   && (uint64_t)connection_rows_integer(rows, i, 3) == end->sum.high;
    return false;
}

/* True if the rows that a table is made from are those of the last replay. */
static bool has_same_source(const struct plan_table *table, const struct dump_reader *reader,
    const struct connection_rows *rows)
{
    return is_same(
        rows, reader->schema.tables[table->source].name.bytes, &reader->ends[table->source]);
}

bool table_state_compare(struct plan *plan, const struct dump_reader *reader,
    struct connection *connection, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};
    bool all_same = true;

    if (!read_state(connection, &rows, err) || !mapping_compare(plan, reader, connection, err))
        return false;
    for (size_t i = 0; i < plan->table_count; i++) {
        struct plan_table *table = &plan->tables[i];

        if (table->action != PLAN_LOAD && table->action != PLAN_DERIVE)
            continue;
        if (table->remapped != NULL || !has_same_source(table, reader, &rows))
            all_same = false;
        else if (table->action == PLAN_LOAD)
            table->action = PLAN_SAME;
    }
    for (size_t i = 0; i < plan->table_count && all_same; i++)
        if (plan->tables[i].action == PLAN_DERIVE)
            plan->tables[i].action = PLAN_SAME;
    plan_count(plan);
    return true;
}

bool table_state_liken(const struct dump_reader *reader, struct connection *connection,
    struct table_state_likeness *likeness, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};

    *likeness = (struct table_state_likeness){0};
    if (!read_state(connection, &rows, err))
        return false;
    for (size_t i = 0; i < rows.row_count; i++) {
        const char *name = connection_rows_text(&rows, i, 0);
        uint32_t table = source_rows_table(reader, name);

        if (table == UINT32_MAX || reader->ends[table].row_count == 0
            || connection_rows_integer(&rows, i, 1) == 0)
            continue;
        likeness->both_count++;
        likeness->same_count += is_same(&rows, name, &reader->ends[table]);
    }
    return true;
}

/* --- writing --------------------------------------------------------------------- */

bool table_state_carry(const struct plan *plan, const struct ledger *ledger, int64_t before,
    struct connection *connection, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    OWNED(byte_buffer) struct byte_buffer tables = {0};

    for (size_t i = 0; i < plan->table_count; i++) {
        if (plan->tables[i].action != PLAN_SAME)
            continue;
        quote_plain(&tables, tables.size == 0 ? " AND table_name IN (" : ", ");
        quote_literal(&tables, plan->tables[i].name);
    }
    if (tables.size == 0)
        return true;
    quote_plain(&sql, "INSERT INTO valise.part SELECT ");
    quote_integer(&sql, ledger->replay.id);
    quote_plain(&sql, ", table_name, number, row_count, sum_low, sum_high FROM valise.part"
                      " WHERE replay = ");
    quote_integer(&sql, before);
    quote_plain(&sql, quote_text(&tables));
    /* Rows are rejected by the last full dump, which deltas may have followed. */
    quote_plain(&sql, "); INSERT INTO valise.rejects (replay, table_name, reason, row_bytes,"
                      " row_json, repair) SELECT ");
    quote_integer(&sql, ledger->replay.id);
    quote_plain(&sql, ", table_name, reason, row_bytes, row_json, repair FROM valise.rejects"
                      " WHERE replay = (SELECT max(id) FROM valise.replay"
                      " WHERE from_state IS NULL AND id <= ");
    quote_integer(&sql, before);
    quote_plain(&sql, ")");
    quote_plain(&sql, quote_text(&tables));
    quote_plain(&sql, ")");
    return connection_exec(connection, quote_text(&sql), err);
}

/* Takes back what the ROWS blocks of a delta change. */
static void step_back(const struct dump_reader *reader, uint32_t table, struct table_end *end)
{
    for (size_t i = 0; i < reader->block_count[table]; i++) {
        const struct index_entry *entry = &reader->index.entries[reader->first_block[table] + i];

        end->row_count -= entry->row_count - entry->removed_count;
        end->row_count += entry->removed_count;
        end->sum = checksum_subtract(end->sum, entry->sum);
    }
}

static void put_states(struct byte_buffer *sql, const struct dump_reader *reader, bool is_before)
{
    bool is_first = true;

    for (uint32_t i = 0; i < reader->schema.table_count; i++) {
        const struct schema_table *table = &reader->schema.tables[i];
        struct table_end end = reader->ends[i];

        if (!schema_table_has_rows(table) || memchr(table->name.bytes, 0, table->name.size) != NULL)
            continue;
        if (is_before)
            step_back(reader, i, &end);
        quote_plain(sql, is_first ? "INSERT INTO valise.table_state VALUES (" : ", (");
        is_first = false;
        quote_literal(sql, table->name.bytes);
        quote_plain(sql, ", ");
        quote_integer(sql, (int64_t)end.row_count);
        quote_plain(sql, ", ");
        quote_integer(sql, (int64_t)end.sum.low);
        quote_plain(sql, ", ");
        quote_integer(sql, (int64_t)end.sum.high);
        quote_plain(sql, ")");
    }
}

bool table_state_forget(struct connection *connection, struct error *err)
{
    return connection_exec(connection,
        "CREATE TABLE IF NOT EXISTS valise.table_state (table_name text PRIMARY KEY,"
        " row_count bigint NOT NULL, sum_low bigint NOT NULL, sum_high bigint NOT NULL);"
        "DELETE FROM valise.table_state",
        err);
}

bool table_state_record(const struct dump_reader *reader, bool is_before,
    struct connection *connection, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    put_states(&sql, reader, is_before);
    return table_state_forget(connection, err)
           && (sql.size == 0 || connection_exec(connection, quote_text(&sql), err));
}

/* The rows from before cannot come back any more: the replay is complete. */
static bool drop_copies(
    const struct ledger *ledger, struct connection *connection, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    char id[24];
    const char *items[] = {id};

    snprintf(id, sizeof(id), "%" PRId64, ledger->replay.id);
    if (!connection_query(connection,
            "UPDATE valise.saved_table s SET copy_name = NULL FROM valise.saved_table o"
            " WHERE s.replay = o.replay AND s.schema_name = o.schema_name"
            " AND s.table_name = o.table_name AND s.replay = $1 AND s.copy_name IS NOT NULL"
            " RETURNING o.copy_name",
            &(struct connection_values){.items = items, .count = 1}, &rows, err))
        return false;
    for (size_t i = 0; i < rows.row_count; i++) {
        quote_plain(&sql, i == 0 ? "DROP TABLE IF EXISTS " : ", ");
        quote_qualified(&sql, "valise", connection_rows_text(&rows, i, 0));
    }
    return rows.row_count == 0 || connection_exec(connection, quote_text(&sql), err);
}

bool table_state_finish(const struct dump_reader *reader, struct ledger *ledger,
    struct connection *connection, struct error *err)
{
    OWNED(connection_transaction) struct connection_transaction transaction = {0};

    if (!connection_transaction_begin(&transaction, connection, NULL, err)
        || !table_state_record(reader, false, connection, err)
        || !mapping_forget(ledger, true, connection, err) || !drop_copies(ledger, connection, err)
        || !ledger_mark(ledger, connection, LEDGER_PHASE_DONE, err)
        || !connection_transaction_commit(&transaction, err))
        return error_wrap(err, "cannot write the ledger");
    ledger->replay.phase = LEDGER_PHASE_DONE;
    return true;
}
