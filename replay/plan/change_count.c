#include "replay/plan/change_count.h"

#include <inttypes.h>

void change_count_add(struct change_count *changes, const struct plan *plan)
{
    for (size_t i = 0; i < plan->table_count; i++) {
        const struct plan_table *table = &plan->tables[i];

        if (table->action != PLAN_LOAD && table->action != PLAN_DERIVE)
            continue;
        changes->rejected += table->rejects.count;
        changes->replaced += table->replaced_count;
    }
}

bool change_count_tell(const struct change_count *changes, struct error *err)
{
    if (changes->rejected == 0 && changes->replaced == 0)
        return true;
    return error_set(err, ERROR_REJECTED,
        "done and verified, but %" PRIu64 " rows were rejected (they are in valise.rejects) and "
        "%" PRIu64 " values replaced",
        changes->rejected, changes->replaced);
}
