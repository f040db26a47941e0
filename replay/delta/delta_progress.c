#include "replay/delta/delta_progress.h"

#include "replay/load/plan_progress.h"

static uint64_t changed_rows(const struct dump_reader *reader, uint32_t source)
{
    uint64_t count = 0;

    /* A table that is gone has no rows in the dump. */
    for (size_t i = 0; source != UINT32_MAX && i < reader->block_count[source]; i++)
        count += reader->index.entries[reader->first_block[source] + i].row_count;
    return count;
}

void delta_progress_make(struct progress *progress, const struct plan *plan,
    const struct delta_plan *delta, enum verify_level level)
{
    static const struct progress_count none = {0};

    plan_progress_begin(progress, plan);
    progress_plan(progress, PROGRESS_LOAD, PROGRESS_NO_TABLE, &none);
    progress_plan(progress, PROGRESS_CHANGE, PROGRESS_NO_TABLE, &none);
    if (level != VERIFY_NONE)
        progress_plan(progress, PROGRESS_VERIFY, PROGRESS_NO_TABLE, &none);
    for (size_t i = 0; i < delta->table_count; i++)
        progress_plan(progress, PROGRESS_LOAD, plan_progress_number(plan, delta->tables[i].table),
            &(struct progress_count){
                .rows = changed_rows(delta->reader, delta->tables[i].table->source)});
}
