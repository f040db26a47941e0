#include "replay/preflight/existing_rows.h"

#include "base/owned.h"
#include "postgres/connection.h"
#include "replay/ledger/mapping.h"
#include "replay/ledger/table_state.h"
#include "replay/load/plan_progress.h"
#include "replay/load/row_difference.h"
#include "replay/target/row_count.h"
#include "watch/progress_task.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define STRANGER_TABLE_COUNT_MIN 10
#define SEED_ROW_COUNT_MAX 10000 /* rows that an application puts into a new database */

static const char undoable[] =
    "they are saved when the replay begins, and --abort brings them back; when it is done they are "
    "gone";

static const char others_wrote[] =
    "somebody else wrote to the target since the last replay; replay into a new database, or "
    "replace all tables with --on-existing=replace";

/* A problem, or a note that says what becomes of the rows. */
static void tell(const struct existing_rows *existing, const char *advice, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void tell(const struct existing_rows *existing, const char *advice, const char *fmt, ...)
{
    const char *text;
    va_list arguments;

    va_start(arguments, fmt);
    text = arena_format_list(&existing->problems->arena, fmt, arguments);
    va_end(arguments);
    if (existing->policy == EXISTING_ROWS_REPLACE)
        problems_note(existing->problems, undoable, "%s: replaced", text);
    else
        problems_add(existing->problems, advice, "%s", text);
}

/* --- never replayed --------------------------------------------------------------- */

static bool is_replaced(const struct plan_table *table)
{
    return plan_writes(table) && table->action != PLAN_EMPTY && table->target->has_rows
           && table->target->may_select && !table->target->has_row_security;
}

static bool check_unknown(
    const struct existing_rows *existing, const struct plan_table *table, struct error *err)
{
    int64_t known = table->rule == NULL ? 0 : table->rule->seed_row_max;
    bool is_same = false;
    int64_t row_count;

    if (!row_count_read(existing->connection, table->target, &row_count, err))
        return false;
    if (row_count <= known)
        return true;
    if (table->action == PLAN_LOAD && row_count <= SEED_ROW_COUNT_MAX
        && (uint64_t)row_count == table->row_count
        && !row_difference_is_none(existing->reader, table, existing->connection, &is_same, err))
        return false;
    if (is_same)
        problems_note(existing->problems, NULL,
            "table \"%s\" of the target has the %" PRId64 " row%s of the dump already", table->name,
            row_count, row_count == 1 ? "" : "s");
    else
        tell(existing,
            "rows that the application itself puts into every new database (migrations, "
            "permissions, ...) are replaced by the dump's with --on-existing=replace; where they "
            "tell a version, compare it first; with others, the database was used: take a new one",
            "table \"%s\" of the target has %" PRId64 " row%s that no replay brought", table->name,
            row_count, row_count == 1 ? "" : "s");
    return true;
}

bool existing_rows_check_unknown(const struct existing_rows *existing, struct error *err)
{
    for (size_t i = 0; i < existing->plan->table_count; i++)
        if (is_replaced(&existing->plan->tables[i])
            && !check_unknown(existing, &existing->plan->tables[i], err))
            return error_wrap(err, "table \"%s\"", existing->plan->tables[i].name);
    return true;
}

/* --- replayed before ----------------------------------------------------------------- */

bool existing_rows_check_drift(
    const struct existing_rows *existing, bool *has_drifted, struct error *err)
{
    *has_drifted = false;
    for (size_t i = 0; i < existing->plan->table_count; i++) {
        const struct plan_table *table = &existing->plan->tables[i];
        int64_t known = (int64_t)ledger_sum(existing->ledger, table->name).row_count;
        int64_t found;

        if (table->target == NULL || table->action == PLAN_KEEP || table->action == PLAN_IGNORE
            || table->action == PLAN_EMPTY)
            continue;
        if (!row_count_read(existing->connection, table->target, &found, err))
            return error_wrap(err, "table \"%s\"", table->name);
        if (found == known)
            continue;
        *has_drifted = true;
        tell(existing, others_wrote,
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
            "this dump was replayed on %s UTC, and a newer one since: \"%s\" on %s UTC",
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

/* --- not replayed now ------------------------------------------------------------------- */

static bool is_derived(const struct plan_table *table)
{
    return table->rule != NULL && table->rule->action == PROFILE_DERIVE;
}

/* Another number of rows has been told already. */
static bool check_content(const struct existing_rows *existing, const struct plan_table *table,
    struct verify_content *found, bool *has_drifted, struct error *err)
{
    struct ledger_part known = ledger_sum(existing->ledger, table->name);
    char where[ROW_WORDS_KEY_SIZE];

    if (table->column_count == 0 || is_derived(table))
        return true;
    if (!verify_read_back(table, "", existing->connection, found, err))
        return error_wrap(err, "table \"%s\"", table->name);
    if (found->row_count != known.row_count || checksum_equal(found->sum, known.sum))
        return true;
    if (!row_difference_find(existing->reader, table, existing->connection, where, err))
        return error_wrap(err, "table \"%s\"", table->name);
    *has_drifted = true;
    tell(existing, others_wrote,
        "table \"%s\" has %" PRIu64
        " rows, but not those of the last replay: a value was changed%s%s",
        table->name, found->row_count, where[0] == '\0' ? "" : ", first at ", where);
    return true;
}

static size_t count_same(const struct plan *plan)
{
    size_t count = 0;

    for (size_t i = 0; i < plan->table_count; i++)
        count += plan->tables[i].action == PLAN_SAME && plan->tables[i].column_count > 0;
    return count;
}

static void load_all(struct plan *plan)
{
    for (size_t i = 0; i < plan->table_count; i++)
        if (plan->tables[i].action == PLAN_SAME)
            plan->tables[i].action = is_derived(&plan->tables[i]) ? PLAN_DERIVE : PLAN_LOAD;
    plan_count(plan);
}

static bool check_same(const struct existing_rows *existing, bool *has_drifted, struct error *err)
{
    const struct plan *plan = existing->plan;
    size_t same_count = count_same(plan);

    if (same_count > 0 && !existing->reads_back)
        problems_note(existing->problems, NULL,
            "%zu table%s had the same rows in the last replay: of these only the number of rows was "
            "compared (--verify=full reads them)",
            same_count, same_count == 1 ? "" : "s");
    for (size_t i = 0; existing->reads_back && i < plan->table_count; i++) {
        struct verify_content found = {0};

        if (plan->tables[i].action == PLAN_SAME
            && !check_content(existing, &plan->tables[i], &found, has_drifted, err))
            return false;
    }
    return true;
}

static void note_remapped(const struct existing_rows *existing)
{
    for (size_t i = 0; i < existing->plan->table_count; i++)
        if (existing->plan->tables[i].remapped != NULL)
            problems_note(
                existing->problems, NULL, "%s: loaded anew", existing->plan->tables[i].remapped);
}

bool existing_rows_check_newer(const struct existing_rows *existing,
    const struct dump_reader *reader, const char *state, bool *is_renewed, struct error *err)
{
    bool replaces = existing->policy == EXISTING_ROWS_REPLACE;
    bool has_drifted;

    if (!check_order(existing, state, err) || !check_origin(existing, reader, err)
        || !existing_rows_check_drift(existing, &has_drifted, err))
        return false;
    *is_renewed = has_drifted && replaces;
    if (*is_renewed)
        return true;
    if (!table_state_compare(existing->plan, reader, existing->connection, err)
        || !check_same(existing, &has_drifted, err))
        return false;
    note_remapped(existing);
    *is_renewed = has_drifted && replaces;
    if (*is_renewed)
        load_all(existing->plan);
    return true;
}

/* --- nothing to replay ------------------------------------------------------------------- */

bool existing_rows_check_mapping(
    const struct existing_rows *existing, bool *is_remapped, struct error *err)
{
    *is_remapped = false;
    if (!mapping_compare(existing->plan, existing->reader, existing->connection, err))
        return false;
    for (size_t i = 0; i < existing->plan->table_count; i++) {
        if (existing->plan->tables[i].remapped == NULL)
            continue;
        *is_remapped = true;
        tell(existing, "load such tables anew with --on-existing=replace", "%s",
            existing->plan->tables[i].remapped);
    }
    return true;
}

static bool is_read(const struct existing_rows *existing, const struct plan_table *table)
{
    return existing->reads_back && plan_writes(table) && table->action == PLAN_LOAD;
}

static bool read_present(const struct existing_rows *existing, const struct plan_table *table,
    struct verify_result *result, bool *has_drifted, struct error *err)
{
    OWNED(progress_task) struct progress_task task = {0};
    struct verify_content found = {.task = &task};

    progress_task_begin(
        &task, existing->progress, PROGRESS_VERIFY, plan_progress_number(existing->plan, table));
    if (!check_content(existing, table, &found, has_drifted, err))
        return false;
    progress_task_add(&task, &(struct progress_count){.items = 1});
    result->table_count++;
    result->row_count += found.row_count;
    result->size += found.size;
    return true;
}

bool existing_rows_check_present(const struct existing_rows *existing, struct verify_result *result,
    bool *has_drifted, struct error *err)
{
    const struct plan *plan = existing->plan;

    plan_progress_begin(existing->progress, plan);
    for (size_t i = 0; i < plan->table_count; i++)
        if (is_read(existing, &plan->tables[i]))
            progress_plan(existing->progress, PROGRESS_VERIFY, (uint32_t)i,
                &(struct progress_count){.items = 1});
    progress_begin(existing->progress, PROGRESS_VERIFY);
    if (!existing_rows_check_drift(existing, has_drifted, err))
        return false;
    for (size_t i = 0; i < plan->table_count; i++)
        if (is_read(existing, &plan->tables[i])
            && !read_present(existing, &plan->tables[i], result, has_drifted, err))
            return false;
    progress_end(existing->progress, PROGRESS_VERIFY);
    return true;
}
