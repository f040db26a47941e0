#include "replay/delta/delta_verify.h"

#include "base/owned.h"
#include "postgres/quote.h"
#include "replay/delta/delta_ledger.h"
#include "replay/delta/delta_sql.h"
#include "replay/load/plan_progress.h"
#include "watch/progress_task.h"

#include <inttypes.h>

static const struct delta_table *find_changed(
    const struct delta_plan *delta, const struct plan_table *table)
{
    for (size_t i = 0; i < delta->table_count; i++)
        if (delta->tables[i].table == table)
            return &delta->tables[i];
    return NULL;
}

static bool is_changed(const struct delta_plan *delta, const struct plan_table *table)
{
    if (find_changed(delta, table) != NULL)
        return true;
    for (size_t i = 0; i < delta->derived_count; i++)
        if (delta->derived[i].table == table)
            return true;
    return false;
}

static void compare(const struct delta_verify *verify, const struct plan_table *table,
    const struct verify_content *found, bool is_hashed)
{
    static const char advice[] =
        "rows that the delta does not change are not as they were replayed: somebody changed them, "
        "or a column has another type now; replay a full dump of the new state with "
        "--on-existing=replace (valise squash makes one of a chain)";
    struct ledger_part wanted = ledger_sum(verify->ledger, table->name);

    if (wanted.row_count != found->row_count)
        problems_add(verify->problems, advice,
            "table \"%s\": the target would hold %" PRIu64 " rows, expected %" PRIu64, table->name,
            found->row_count, wanted.row_count);
    else if (is_hashed && !checksum_equal(wanted.sum, found->sum))
        problems_add(verify->problems, advice,
            "table \"%s\": %" PRIu64 " rows, but not the right ones: their sum is "
            "%016" PRIx64 "%016" PRIx64 ", expected %016" PRIx64 "%016" PRIx64,
            table->name, found->row_count, found->sum.high, found->sum.low, wanted.sum.high,
            wanted.sum.low);
}

/* --- only what was changed --------------------------------------------------------------- */

static bool count(
    const struct delta_verify *verify, struct byte_buffer *sql, uint64_t *number, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (!connection_query(verify->connection, quote_text(sql), NULL, &rows, err))
        return false;
    *number = (uint64_t)connection_rows_integer(&rows, 0, 0);
    return true;
}

static void say_wrong(
    const struct delta_verify *verify, const struct delta_table *table, const char *what)
{
    problems_add(verify->problems, "tell us; the target is as it was before", "table \"%s\": %s",
        table->table->name, what);
}

/* Added rows are read back by their keys; under no other removed key is a row left. */
static bool read_by_key(const struct delta_verify *verify, const struct delta_table *table,
    struct verify_content *found, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer condition = {0};
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    uint64_t left_count;

    quote_plain(&condition, " AS t WHERE EXISTS (SELECT 1 FROM ");
    quote_plain(&condition, table->added);
    quote_plain(&condition, " AS a WHERE ");
    delta_sql_key_match(&condition, table, "t", "a");
    quote_plain(&condition, ")");
    quote_plain(&sql, "SELECT count(*) FROM ");
    quote_plain(&sql, table->removed);
    quote_plain(&sql, " AS r JOIN ");
    delta_sql_target(&sql, table->table->target);
    quote_plain(&sql, " AS t ON ");
    delta_sql_key_match(&sql, table, "t", "r");
    quote_plain(&sql, " WHERE NOT EXISTS (SELECT 1 FROM ");
    quote_plain(&sql, table->added);
    quote_plain(&sql, " AS a WHERE ");
    delta_sql_key_match(&sql, table, "a", "r");
    quote_plain(&sql, ")");
    if (!verify_read_back(table->table, quote_text(&condition), verify->connection, found, err)
        || !count(verify, &sql, &left_count, err))
        return false;
    if (found->row_count != table->added_count || !checksum_equal(found->sum, table->added_sum))
        say_wrong(verify, table, "added rows are not as they were sent");
    if (left_count > 0)
        say_wrong(verify, table, "removed rows are still there");
    return true;
}

/* Each added row is there as often as it was added, at least. */
static bool count_equal(const struct delta_verify *verify, const struct delta_table *table,
    struct verify_content *found, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    uint64_t missing_count;

    quote_plain(&sql, "SELECT count(*) FROM (SELECT w.place FROM (");
    delta_sql_multiset(&sql, table, table->added);
    quote_plain(&sql, ") AS w LEFT JOIN ");
    delta_sql_target(&sql, table->table->target);
    quote_plain(&sql, " AS t ON ");
    delta_sql_all_match(&sql, table);
    quote_plain(
        &sql, " GROUP BY w.place, w.copies HAVING count(t.tableoid) < w.copies) AS missing");
    if (!count(verify, &sql, &missing_count, err))
        return false;
    found->row_count = table->added_count;
    if (missing_count > 0)
        say_wrong(verify, table, "added rows are missing");
    return true;
}

/* What is in the table besides is not looked at. */
static bool verify_changes(const struct delta_verify *verify, const struct delta_table *table,
    struct verify_content *found, struct error *err)
{
    return table->mode == DELTA_COUNTED ? count_equal(verify, table, found, err)
                                        : read_by_key(verify, table, found, err);
}

/* --- all of it -------------------------------------------------------------------------------- */

static bool verify_all(const struct delta_verify *verify, const struct plan_table *table,
    struct verify_content *found, struct error *err)
{
    bool is_hashed =
        verify->level != VERIFY_COUNTS && table->action == PLAN_LOAD && table->column_count > 0;

    if (is_hashed ? !verify_read_back(table, "", verify->connection, found, err)
                  : !verify_count_rows(table, verify->connection, found, err))
        return false;
    compare(verify, table, found, is_hashed);
    return true;
}

static bool verify_table(const struct delta_verify *verify, const struct plan_table *table,
    struct verify_result *result, struct error *err)
{
    const struct delta_table *changed = find_changed(verify->delta, table);
    bool reads_changes = changed != NULL && changed->mode != DELTA_WHOLE
                         && delta_plan_reads_changes(verify->delta, table);
    OWNED(progress_task) struct progress_task task = {0};
    struct verify_content found = {.task = &task};

    progress_task_begin(
        &task, verify->progress, PROGRESS_VERIFY, plan_progress_number(verify->plan, table));
    if (reads_changes ? !verify_changes(verify, changed, &found, err)
                      : !verify_all(verify, table, &found, err))
        return error_wrap(err, "table \"%s\"", table->name);
    result->table_count++;
    result->row_count += found.row_count;
    result->size += found.size;
    progress_task_add(&task, &(struct progress_count){.items = 1});
    return true;
}

/* Of a large derived table nothing is known but its number of rows, which takes reading all. */
static bool is_checked(const struct delta_verify *verify, const struct plan_table *table)
{
    if (table->action == PLAN_DERIVE && delta_plan_reads_changes(verify->delta, table))
        return false;
    return plan_writes(table) && (verify->level == VERIFY_FULL || is_changed(verify->delta, table));
}

bool delta_verify_run(
    const struct delta_verify *verify, struct verify_result *result, struct error *err)
{
    *result = (struct verify_result){0};
    if (verify->level == VERIFY_NONE)
        return true;
    for (size_t i = 0; i < verify->plan->table_count; i++)
        if (is_checked(verify, &verify->plan->tables[i]))
            progress_plan(verify->progress, PROGRESS_VERIFY, (uint32_t)i,
                &(struct progress_count){.items = 1});
    progress_begin(verify->progress, PROGRESS_VERIFY);
    for (size_t i = 0; i < verify->plan->table_count; i++) {
        const struct plan_table *table = &verify->plan->tables[i];

        if (is_checked(verify, table) && !verify_table(verify, table, result, err))
            return false;
    }
    progress_end(verify->progress, PROGRESS_VERIFY);
    return true;
}
