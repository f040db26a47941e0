#include "replay/preflight/existing_rows.h"

#include "base/owned.h"
#include "postgres/connection.h"
#include "replay/ledger/table_state.h"
#include "replay/target/row_count.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STRANGER_TABLE_COUNT_MIN 10

static const char undoable[] =
    "they are saved when the replay begins, and --abort brings them back; when it is done they are "
    "gone";

/* A problem, or a note that says what becomes of the rows. */
static void tell(const struct existing_rows *existing, const char *advice, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void tell(const struct existing_rows *existing, const char *advice, const char *fmt, ...)
{
    char *text = NULL;
    va_list arguments;
    int size;

    va_start(arguments, fmt);
    size = vasprintf(&text, fmt, arguments);
    va_end(arguments);
    if (size < 0)
        abort();
    if (existing->policy == EXISTING_ROWS_REPLACE)
        problems_note(existing->problems, undoable, "%s: replaced", text);
    else
        problems_add(existing->problems, advice, "%s", text);
    free(text);
}

/* --- never replayed --------------------------------------------------------------- */

bool existing_rows_check_unknown(const struct existing_rows *existing, struct error *err)
{
    for (size_t i = 0; i < existing->plan->table_count; i++) {
        const struct plan_table *table = &existing->plan->tables[i];
        int64_t known = table->rule == NULL ? 0 : table->rule->seed_row_max;
        int64_t row_count;

        if (!plan_writes(table) || table->action == PLAN_EMPTY || !table->target->has_rows
            || !table->target->may_select || table->target->has_row_security)
            continue;
        if (!row_count_read(existing->connection, table->target, &row_count, err))
            return error_wrap(err, "table \"%s\"", table->name);
        if (row_count > known)
            tell(existing,
                "replay into a database that was only prepared, never used; create a new one, or "
                "let the dump replace what is there with --on-existing=replace",
                "table \"%s\" of the target has %" PRId64 " row%s that no replay brought",
                table->name, row_count, row_count == 1 ? "" : "s");
    }
    return true;
}

/* --- replayed before ----------------------------------------------------------------- */

static int64_t rows_of(const struct ledger *ledger, const char *table)
{
    int64_t row_count = 0;

    for (size_t i = 0; i < ledger->part_count; i++)
        if (strcmp(ledger->parts[i].table, table) == 0)
            row_count += (int64_t)ledger->parts[i].row_count;
    return row_count;
}

bool existing_rows_check_drift(
    const struct existing_rows *existing, bool *has_drifted, struct error *err)
{
    *has_drifted = false;
    for (size_t i = 0; i < existing->plan->table_count; i++) {
        const struct plan_table *table = &existing->plan->tables[i];
        int64_t known = rows_of(existing->ledger, table->name);
        int64_t found;

        if (table->target == NULL || table->action == PLAN_KEEP || table->action == PLAN_IGNORE
            || table->action == PLAN_EMPTY)
            continue;
        if (!row_count_read(existing->connection, table->target, &found, err))
            return error_wrap(err, "table \"%s\"", table->name);
        if (found == known)
            continue;
        *has_drifted = true;
        tell(existing,
            "somebody else wrote to the target since the last replay; replay into a new database, "
            "or replace all tables with --on-existing=replace",
            "table \"%s\" holds %" PRId64 " rows, but the last replay left %" PRId64, table->name,
            found, known);
    }
    return true;
}

static bool check_order(const struct existing_rows *existing, const char *state, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (strcmp(existing->ledger->replay.state, state) == 0)
        return true;
    if (!connection_query(existing->connection,
            "SELECT finished::timestamp(0) FROM valise.replay WHERE state = $1 AND phase = 'done'"
            " ORDER BY id DESC LIMIT 1",
            &(struct connection_values){.items = &state, .count = 1}, &rows, err))
        return false;
    if (rows.row_count > 0)
        tell(existing,
            "to go back, replay into a new database, or replace the newer state with "
            "--on-existing=replace",
            "this dump was replayed on %s, and a newer one since: \"%s\" on %s",
            connection_rows_text(&rows, 0, 0), existing->ledger->replay.dump,
            existing->ledger->replay.finished);
    return true;
}

static bool check_origin(
    const struct existing_rows *existing, const struct dump_reader *reader, struct error *err)
{
    struct table_state_likeness likeness;

    if (!table_state_liken(reader, existing->connection, &likeness, err))
        return false;
    if (likeness.same_count == 0 && likeness.both_count >= STRANGER_TABLE_COUNT_MIN)
        tell(existing,
            "if it is a dump of the same database, or the target may become another one, use "
            "--on-existing=replace; else replay it into a database of its own",
            "the target holds \"%s\", and of the %zu tables with rows none is the same in this "
            "dump: it looks like one of another database",
            existing->ledger->replay.dump, likeness.both_count);
    return true;
}

bool existing_rows_check_newer(const struct existing_rows *existing,
    const struct dump_reader *reader, const char *state, bool *is_renewed, struct error *err)
{
    bool has_drifted;

    if (!check_order(existing, state, err) || !check_origin(existing, reader, err)
        || !existing_rows_check_drift(existing, &has_drifted, err))
        return false;
    *is_renewed = has_drifted && existing->policy == EXISTING_ROWS_REPLACE;
    return true;
}
