#include "replay/finish.h"

#include "base/owned.h"
#include "postgres/quote.h"
#include "replay/plan_progress.h"
#include "watch/progress_task.h"

#include <stdlib.h>
#include <string.h>

#define SQLSTATE_DEADLOCK "40P01"
#define ATTEMPT_MAX 10

/* The saved objects of one phase. */
struct restoring {
    const struct loader *loader;
    const struct ddl_object **objects; /* owned array */
    size_t count;
};

static void restoring_release(struct restoring *restoring)
{
    free((void *)restoring->objects);
}

static uint64_t size_of(const struct loader *loader, const struct ddl_object *object)
{
    const struct plan *plan = loader->plan;

    for (size_t i = 0; i < plan->table_count; i++)
        if (plan->tables[i].target != NULL
            && strcmp(plan->tables[i].target->name, object->table) == 0)
            return plan->tables[i].row_count;
    return 0;
}

/* Those of the largest tables first, so that no worker is left alone with one. */
static int compare_objects(const void *a, const void *b, void *loader)
{
    uint64_t x = size_of(loader, *(const struct ddl_object *const *)a);
    uint64_t y = size_of(loader, *(const struct ddl_object *const *)b);

    return x < y ? 1 : x > y ? -1 : 0;
}

/* Foreign keys lock two tables each: two that are made at once may meet. */
static bool restore_task(void *context, const struct workers_turn *turn, struct error *err)
{
    const struct restoring *restoring = context;
    const struct ddl_object *object = restoring->objects[turn->task];
    OWNED(progress_task) struct progress_task task = {0};

    progress_task_begin(&task, restoring->loader->progress, PROGRESS_INDEX,
        plan_progress_find(restoring->loader->plan, object->table));
    for (int attempt = 1;; attempt++) {
        if (ddl_restore(object, turn->connection, err))
            break;
        if (attempt == ATTEMPT_MAX || strcmp(turn->connection->sqlstate, SQLSTATE_DEADLOCK) != 0)
            return error_wrap(
                err, "%s \"%s\" of table \"%s\"", object->kind, object->name, object->table);
    }
    progress_task_add(&task, &(struct progress_count){.items = 1});
    return true;
}

static bool restore_phase(const struct loader *loader, enum ddl_phase phase, struct error *err)
{
    const struct ledger *ledger = loader->ledger;
    OWNED(restoring) struct restoring restoring = {.loader = loader};
    struct loader context = *loader;

    restoring.objects = byte_buffer_calloc(ledger->object_count + 1, sizeof(struct ddl_object *));
    for (size_t i = 0; i < ledger->object_count; i++)
        if (ledger->objects[i].phase == phase)
            restoring.objects[restoring.count++] = &ledger->objects[i];
    if (phase == DDL_PHASE_BUILD && restoring.count > 0)
        qsort_r((void *)restoring.objects, restoring.count, sizeof(struct ddl_object *),
            compare_objects, &context);
    return workers_run(loader->workers, restoring.count, restore_task, &restoring, err);
}

bool finish_restore(const struct loader *loader, struct error *err)
{
    plan_progress_add_objects(loader->progress, loader->plan, loader->ledger);
    progress_begin(loader->progress, PROGRESS_INDEX);
    for (int phase = 0; phase < DDL_PHASE_COUNT; phase++)
        if (!restore_phase(loader, (enum ddl_phase)phase, err))
            return false;
    progress_end(loader->progress, PROGRESS_INDEX);
    return true;
}

static bool analyze_task(void *context, const struct workers_turn *turn, struct error *err)
{
    const struct loader *loader = context;
    const struct plan_table *table = &loader->plan->tables[turn->task];
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    OWNED(progress_task) struct progress_task task = {0};

    if (!plan_writes(table))
        return true;
    progress_task_begin(&task, loader->progress, PROGRESS_ANALYZE, (uint32_t)turn->task);
    quote_plain(&sql, "ANALYZE ");
    quote_qualified(&sql, table->target->schema, table->target->name);
    if (!connection_exec(turn->connection, quote_text(&sql), err))
        return error_wrap(err, "table \"%s\"", table->name);
    progress_task_add(&task, &(struct progress_count){.items = 1});
    return true;
}

bool finish_analyze(const struct loader *loader, struct error *err)
{
    struct loader copy = *loader;

    progress_begin(loader->progress, PROGRESS_ANALYZE);
    if (!workers_run(loader->workers, loader->plan->table_count, analyze_task, &copy, err))
        return false;
    progress_end(loader->progress, PROGRESS_ANALYZE);
    return true;
}
