#include "replay/load/plan_progress.h"

#include <string.h>

uint32_t plan_progress_number(const struct plan *plan, const struct plan_table *table)
{
    return (uint32_t)(table - plan->tables);
}

uint32_t plan_progress_find(const struct plan *plan, const char *target)
{
    for (size_t i = 0; i < plan->table_count; i++)
        if (plan->tables[i].target != NULL && strcmp(plan->tables[i].target->name, target) == 0)
            return (uint32_t)i;
    return PROGRESS_NO_TABLE;
}

uint64_t plan_progress_size(const struct plan_table *table, uint64_t row_count)
{
    if (table->row_count == 0)
        return 0;
    return (uint64_t)((double)table->size * (double)row_count / (double)table->row_count);
}

void plan_progress_begin(struct progress *progress, const struct plan *plan)
{
    progress_reset(progress);
    for (size_t i = 0; i < plan->table_count; i++)
        progress_table(progress, plan->tables[i].name);
}

void plan_progress_make(struct progress *progress, const struct plan *plan, enum verify_level level)
{
    static const struct progress_count none = {0};

    plan_progress_begin(progress, plan);
    progress_plan(progress, PROGRESS_LOAD, PROGRESS_NO_TABLE, &none);
    progress_plan(progress, PROGRESS_INDEX, PROGRESS_NO_TABLE, &none);
    for (size_t i = 0; i < plan->table_count; i++) {
        const struct plan_table *table = &plan->tables[i];
        struct progress_count rows = {.rows = table->row_count, .bytes = table->size};

        if (table->action == PLAN_LOAD && table->row_count > 0)
            progress_plan(progress, PROGRESS_LOAD, (uint32_t)i, &rows);
        if (table->action == PLAN_DERIVE)
            progress_plan(progress, PROGRESS_DERIVE, (uint32_t)i, &rows);
        if (!plan_writes(table))
            continue;
        progress_plan(
            progress, PROGRESS_ANALYZE, (uint32_t)i, &(struct progress_count){.items = 1});
        rows.items = 1;
        if (level != VERIFY_NONE)
            progress_plan(progress, PROGRESS_VERIFY, (uint32_t)i, &rows);
    }
}

void plan_progress_add_objects(
    struct progress *progress, const struct plan *plan, const struct ledger *ledger)
{
    for (size_t i = 0; i < ledger->object_count; i++)
        progress_plan(progress, PROGRESS_INDEX, plan_progress_find(plan, ledger->objects[i].table),
            &(struct progress_count){.items = 1});
}
