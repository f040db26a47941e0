#include "replay/delta/delta_verify.h"

#include "base/owned.h"
#include "replay/delta/delta_ledger.h"
#include "replay/load/plan_progress.h"
#include "watch/progress_task.h"

#include <inttypes.h>

static bool is_changed(const struct delta_plan *delta, const struct plan_table *table)
{
    for (size_t i = 0; i < delta->table_count; i++)
        if (delta->tables[i].table == table)
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
        "rows that the delta does not change are not as they were replayed: replay a full dump "
        "into a new database";
    struct ledger_part wanted = delta_ledger_sum(verify->ledger, table->name);

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

static bool verify_table(const struct delta_verify *verify, const struct plan_table *table,
    struct verify_result *result, struct error *err)
{
    bool is_hashed =
        verify->level != VERIFY_COUNTS && table->action == PLAN_LOAD && table->column_count > 0;
    OWNED(progress_task) struct progress_task task = {0};
    struct verify_content found = {.task = &task};

    progress_task_begin(
        &task, verify->progress, PROGRESS_VERIFY, plan_progress_number(verify->plan, table));
    if (is_hashed ? !verify_read_back(table, "", verify->connection, &found, err)
                  : !verify_count_rows(table, verify->connection, &found, err))
        return error_wrap(err, "table \"%s\"", table->name);
    compare(verify, table, &found, is_hashed);
    result->table_count++;
    result->row_count += found.row_count;
    result->size += found.size;
    progress_task_add(&task, &(struct progress_count){.items = 1});
    return true;
}

static bool is_checked(const struct delta_verify *verify, const struct plan_table *table)
{
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
