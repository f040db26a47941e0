#include "replay/ledger/lost_rows.h"

#include "base/owned.h"
#include "postgres/connection_transaction.h"
#include "postgres/quote.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Is the ledger wrong about the table? */
static bool is_lost(const struct ledger *ledger, struct connection *connection,
    const struct plan_table *table, bool *lost, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    OWNED(connection_rows) struct connection_rows rows = {0};
    uint64_t row_count = 0;

    for (size_t i = 0; i < ledger->part_count; i++)
        if (strcmp(ledger->parts[i].table, table->name) == 0)
            row_count += ledger->parts[i].row_count;
    quote_plain(&sql, "SELECT count(*) FROM ");
    quote_plain(&sql, target_catalog_only(table->target));
    quote_qualified(&sql, table->target->schema, table->target->name);
    if (!connection_query(connection, quote_text(&sql), NULL, &rows, err))
        return false;
    *lost = (uint64_t)connection_rows_integer(&rows, 0, 0) != row_count;
    return true;
}

static bool take_down_again(const struct ledger *ledger, struct connection *connection,
    const struct target_table *table, struct error *err)
{
    for (size_t i = 0; i < ledger->object_count; i++) {
        const struct ddl_object *object = &ledger->objects[i];

        if (strcmp(object->schema, table->schema) == 0 && strcmp(object->table, table->name) == 0
            && !ddl_take_down_again(object, connection, err))
            return false;
    }
    return true;
}

static bool forget(const struct ledger *ledger, struct connection *connection,
    const struct plan_table *table, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    char text[200];

    if (!take_down_again(ledger, connection, table->target, err))
        return false;
    quote_plain(&sql, "DELETE FROM ");
    quote_plain(&sql, target_catalog_only(table->target));
    quote_qualified(&sql, table->target->schema, table->target->name);
    snprintf(text, sizeof(text),
        "; UPDATE valise.replay SET phase = 'load' WHERE id = %" PRId64
        "; DELETE FROM valise.part WHERE replay = %" PRId64 " AND table_name = ",
        ledger->replay.id, ledger->replay.id);
    quote_plain(&sql, text);
    quote_literal(&sql, table->name);
    snprintf(text, sizeof(text),
        "; DELETE FROM valise.rejects WHERE replay = %" PRId64 " AND table_name = ",
        ledger->replay.id);
    quote_plain(&sql, text);
    quote_literal(&sql, table->name);
    return connection_exec(connection, quote_text(&sql), err);
}

static bool check_table(const struct ledger *ledger, struct connection *connection,
    const struct plan_table *table, bool *changed, struct error *err)
{
    OWNED(connection_transaction) struct connection_transaction transaction = {0};
    bool lost;

    if (!is_lost(ledger, connection, table, &lost, err))
        return false;
    if (!lost)
        return true;
    *changed = true;
    return connection_transaction_begin(&transaction, connection, NULL, err)
           && connection_exec(connection, "SET LOCAL synchronous_commit = on", err)
           && forget(ledger, connection, table, err)
           && connection_transaction_commit(&transaction, err);
}

bool lost_rows_forget(struct ledger *ledger, struct connection *connection, const struct plan *plan,
    struct error *err)
{
    bool changed = false;

    for (size_t i = 0; i < plan->table_count; i++) {
        const struct plan_table *table = &plan->tables[i];

        if (plan_writes(table) && table->target->persistence == 'u'
            && !check_table(ledger, connection, table, &changed, err))
            return error_wrap(err, "unlogged table \"%s\"", table->name);
    }
    return !changed || ledger_read(ledger, connection, err);
}
