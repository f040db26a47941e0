#include "replay/load/stages.h"

#include "base/byte_buffer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

const struct stages_table *stages_find(
    const struct stages *stages, const char *schema, const char *name)
{
    for (size_t i = 0; i < stages->table_count; i++)
        if (strcmp(stages->tables[i].name, name) == 0
            && strcmp(stages->tables[i].schema, schema) == 0)
            return &stages->tables[i];
    return NULL;
}

static void add_table(
    struct stages *stages, const char *schema, const char *name, const struct plan_table *table)
{
    struct schedule *schedule = &stages->schedule;
    struct stages_table *added = &stages->tables[stages->table_count++];

    *added = (struct stages_table){
        .schema = schema,
        .name = name,
        .table = table,
        .loaded = schedule_add_gate(schedule),
        .indexed = schedule_add_gate(schedule),
        .checked = schedule_add_gate(schedule),
        .ready = schedule_add_gate(schedule),
    };
    schedule_order(schedule, added->loaded, added->indexed);
    schedule_order(schedule, added->indexed, added->checked);
    schedule_order(schedule, added->checked, added->ready);
    if (table != NULL && table->action != PLAN_DERIVE)
        schedule_order(schedule, added->loaded, stages->copied);
    schedule_order(schedule, added->loaded, stages->filled);
    schedule_order(schedule, added->indexed, stages->indexed);
    schedule_order(schedule, added->ready, stages->ready);
}

void stages_make(struct stages *stages, const struct plan *plan, const struct ledger *ledger,
    struct progress *progress)
{
    struct schedule *schedule = &stages->schedule;

    *schedule = (struct schedule){.progress = progress};
    stages->copied = schedule_add_gate(schedule);
    stages->filled = schedule_add_gate(schedule);
    stages->snapshot = schedule_add_gate(schedule);
    stages->indexed = schedule_add_gate(schedule);
    stages->ready = schedule_add_gate(schedule);
    stages->referenced = schedule_add_gate(schedule);
    schedule_order(schedule, stages->copied, stages->filled);
    schedule_order(schedule, stages->filled, stages->snapshot);
    schedule_order(schedule, stages->ready, stages->referenced);
    stages->tables =
        byte_buffer_calloc(plan->table_count + ledger->object_count + 1, sizeof(*stages->tables));
    for (size_t i = 0; i < plan->table_count; i++)
        if (plan_writes(&plan->tables[i]))
            add_table(stages, plan->tables[i].target->schema, plan->tables[i].target->name,
                &plan->tables[i]);
    for (size_t i = 0; i < ledger->object_count; i++)
        if (stages_find(stages, ledger->objects[i].schema, ledger->objects[i].table) == NULL)
            add_table(stages, ledger->objects[i].schema, ledger->objects[i].table, NULL);
}

void stages_release(struct stages *stages)
{
    schedule_release(&stages->schedule);
    free(stages->tables);
    stages->tables = NULL;
}

const struct stages_table *stages_get(
    const struct stages *stages, const char *schema, const char *name)
{
    const struct stages_table *found = stages_find(stages, schema, name);

    assert(found != NULL);
    return found;
}

const struct stages_table *stages_of(const struct stages *stages, const struct plan_table *table)
{
    return stages_get(stages, table->target->schema, table->target->name);
}
