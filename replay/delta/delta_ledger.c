#include "replay/delta/delta_ledger.h"

#include "base/owned.h"
#include "postgres/quote.h"
#include "replay/ledger/mapping.h"
#include "replay/ledger/table_state.h"
#include "replay/target/row_count.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- arithmetic --------------------------------------------------------------------- */

static const struct delta_table *find_table(
    const struct delta_plan *delta, const struct plan_table *table)
{
    for (size_t i = 0; i < delta->table_count; i++)
        if (delta->tables[i].table == table)
            return &delta->tables[i];
    return NULL;
}

static bool add_up(const struct ledger *ledger, const struct delta_table *table,
    const struct table_end *end, struct ledger_part *part, struct error *err)
{
    if (table->mode == DELTA_WHOLE)
        *part = (struct ledger_part){.table = table->table->name};
    else
        *part = ledger_sum(ledger, table->table->name);
    part->row_count += table->added_count - table->removed_count;
    part->sum = checksum_subtract(checksum_add(part->sum, table->added_sum), table->removed_sum);
    if (part->row_count == end->row_count)
        return true;
    return error_set(err, ERROR_REFUSED,
        "table \"%s\": with this delta it has %" PRIu64 " rows, but by the ledger it would have "
        "%" PRIu64 "; rows of it were rejected (put them back with --retry-rejects), or the ledger "
        "is damaged (replay a full dump into a new database)",
        table->table->name, end->row_count, part->row_count);
}

/* Derived rows are counted as they are. */
static bool count_derived(const struct plan_table *table, struct connection *connection,
    struct ledger_part *part, struct error *err)
{
    int64_t row_count;

    if (!row_count_read(connection, table->target, &row_count, err))
        return false;
    *part = (struct ledger_part){.table = table->name, .row_count = (uint64_t)row_count};
    return true;
}

/* The new parts of all tables that are loaded or derived. */
static bool make_parts(const struct ledger *ledger, struct connection *connection,
    const struct plan *plan, const struct delta_plan *delta, struct byte_buffer *out,
    struct error *err)
{
    for (size_t i = 0; i < plan->table_count; i++) {
        const struct plan_table *table = &plan->tables[i];
        const struct delta_table *changed = find_table(delta, table);
        struct ledger_part part = ledger_sum(ledger, table->name);

        if (table->action != PLAN_LOAD && table->action != PLAN_DERIVE)
            continue;
        if (changed != NULL
            && !add_up(ledger, changed, &delta->reader->ends[table->source], &part, err))
            return false;
        if (table->action == PLAN_DERIVE && !count_derived(table, connection, &part, err))
            return error_wrap(err, "table \"%s\"", table->name);
        byte_buffer_put(out, &part, sizeof(part));
    }
    return true;
}

/* --- writing -------------------------------------------------------------------------- */

bool delta_ledger_check(const struct ledger *ledger, struct connection *connection,
    const struct plan *plan, const struct delta_plan *delta, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer parts = {0};

    return make_parts(ledger, connection, plan, delta, &parts, err);
}

bool delta_ledger_record(struct ledger *ledger, struct connection *connection,
    const struct plan *plan, const struct delta_plan *delta, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer parts = {0};
    OWNED(connection_rows) struct connection_rows rows = {0};
    char from[STATE_TEXT_SIZE];
    char to[STATE_TEXT_SIZE];
    int64_t before = ledger->replay.id;
    const char *items[] = {to, delta->reader->file.path, from};

    if (!make_parts(ledger, connection, plan, delta, &parts, err))
        return false;
    state_format(from, delta->reader->header.from_state);
    state_format(to, delta->reader->tail.state_id);
    if (!connection_query(connection,
            "INSERT INTO valise.replay (state, dump, phase, from_state, started, finished)"
            " VALUES ($1, $2, 'done', $3, transaction_timestamp(), clock_timestamp())"
            " RETURNING id",
            &(struct connection_values){.items = items, .count = 3}, &rows, err))
        return error_wrap(err, "cannot write the ledger");
    ledger->replay.id = connection_rows_integer(&rows, 0, 0);
    if (parts.size > 0
        && !ledger_add_parts(ledger, connection, (const struct ledger_part *)(void *)parts.data,
            parts.size / sizeof(struct ledger_part), err))
        return error_wrap(err, "cannot write the ledger");
    return table_state_record(delta->reader, false, connection, err)
           && mapping_record(plan, delta->reader, ledger, before, connection, err)
           && ledger_read(ledger, connection, err);
}

static bool is_planned(const struct plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->table_count; i++)
        if ((plan->tables[i].action == PLAN_LOAD || plan->tables[i].action == PLAN_DERIVE)
            && strcmp(plan->tables[i].name, name) == 0)
            return true;
    return false;
}

/* A delta does not have the rows of tables that it left out of the schema. */
static bool check_gone(const struct ledger *ledger, const struct plan *plan, struct error *err)
{
    for (size_t i = 0; i < ledger->part_count; i++)
        if (ledger->parts[i].row_count > 0 && !is_planned(plan, ledger->parts[i].table))
            return error_set(err, ERROR_REFUSED,
                "table \"%s\" cannot come back: the delta removed it whole; replay a full dump of "
                "that state into a new database",
                ledger->parts[i].table);
    return true;
}

bool delta_ledger_forget(struct ledger *ledger, struct connection *connection,
    const struct plan *plan, const struct delta_plan *delta, struct error *err)
{
    char from[STATE_TEXT_SIZE];
    char sql[200];

    snprintf(sql, sizeof(sql),
        "DELETE FROM valise.part WHERE replay = %" PRId64
        "; DELETE FROM valise.replay WHERE id = %" PRId64,
        ledger->replay.id, ledger->replay.id);
    if (!connection_exec(connection, sql, err) || !mapping_forget(ledger, false, connection, err)
        || !table_state_record(delta->reader, true, connection, err))
        return error_wrap(err, "cannot write the ledger");
    if (!ledger_read(ledger, connection, err))
        return false;
    state_format(from, delta->reader->header.from_state);
    if (strcmp(ledger->replay.state, from) == 0)
        return check_gone(ledger, plan, err);
    return error_set(err, ERROR_REFUSED,
        "the delta starts from state %.16s, but the replay before it led to %.16s", from,
        ledger->replay.state);
}
