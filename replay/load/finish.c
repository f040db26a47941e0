#include "replay/load/finish.h"

#include "base/owned.h"
#include "postgres/quote.h"
#include "replay/load/plan_progress.h"
#include "replay/load/sequences.h"
#include "watch/progress_task.h"

#include <stdlib.h>
#include <string.h>

#define SQLSTATE_DEADLOCK "40P01"
#define ATTEMPT_MAX 10
#define ANALYZE_ROW_COUNT_MAX 20000 /* of small tables in one statement */
#define ANALYZE_TABLE_COUNT_MAX 32

/* Tables [first, first + count) of the stages that are analysed together. */
struct finishing_range {
    size_t first;
    size_t count;
};

/* --- what was taken down ------------------------------------------------------------ */

/* Foreign keys lock two tables each: two that are made at once may meet. */
static bool restore_object(const struct loader *loader, const struct ddl_object *object,
    struct connection *connection, struct error *err)
{
    OWNED(progress_task) struct progress_task task = {0};

    progress_task_begin(
        &task, loader->progress, PROGRESS_INDEX, plan_progress_find(loader->plan, object->table));
    for (int attempt = 1; !ddl_restore(object, connection, err); attempt++)
        if (attempt == ATTEMPT_MAX || strcmp(connection->sqlstate, SQLSTATE_DEADLOCK) != 0)
            return error_wrap(
                err, "%s \"%s\" of table \"%s\"", object->kind, object->name, object->table);
    progress_task_add(&task, &(struct progress_count){.items = 1});
    return true;
}

static bool restore_task(
    void *context, size_t item, struct connection *connection, struct error *err)
{
    const struct finishing *finishing = context;

    return restore_object(
        finishing->loader, &finishing->loader->ledger->objects[item], connection, err);
}

/* Constraints and marks of a table: each locks it, so one session restores them in order. */
static bool constrain_task(
    void *context, size_t item, struct connection *connection, struct error *err)
{
    const struct finishing *finishing = context;
    const struct ledger *ledger = finishing->loader->ledger;
    const struct stages_table *table = &finishing->loader->stages->tables[item];

    for (int phase = DDL_PHASE_ATTACH; phase <= DDL_PHASE_MARK; phase++)
        for (size_t i = 0; i < ledger->object_count; i++)
            if (ledger->objects[i].phase == (enum ddl_phase)phase
                && strcmp(ledger->objects[i].table, table->name) == 0
                && strcmp(ledger->objects[i].schema, table->schema) == 0
                && !restore_object(finishing->loader, &ledger->objects[i], connection, err))
                return false;
    return true;
}

static size_t add(struct finishing *finishing, const struct schedule_task *task)
{
    struct schedule_task added = *task;

    added.context = finishing;
    return schedule_add(&finishing->loader->stages->schedule, &added);
}

/* Adds a task for table `item`, the first time. */
static void plan_constraints(
    struct finishing *finishing, const struct stages_table *table, bool *planned)
{
    struct stages *stages = finishing->loader->stages;
    size_t item = (size_t)(table - stages->tables);
    size_t number;

    if (planned[item])
        return;
    planned[item] = true;
    number = add(finishing,
        &(struct schedule_task){.phase = PROGRESS_INDEX, .run = constrain_task, .item = item});
    schedule_order(&stages->schedule, table->checked, number);
    schedule_order(&stages->schedule, number, table->ready);
}

static uint64_t row_count_of(const struct stages_table *table)
{
    return table->table == NULL ? 0 : table->table->row_count;
}

/* The table that a foreign key refers to; NULL: not known, as it is gone since an earlier run. */
static const struct target_table *referenced_by(
    const struct finishing *finishing, const struct ddl_object *object)
{
    const struct target_table *table =
        target_catalog_table(finishing->input->catalog, object->table);

    for (size_t i = 0; table != NULL && i < table->constraint_count; i++)
        if (table->constraints[i].type == 'f'
            && strcmp(table->constraints[i].name, object->name) == 0)
            return table->constraints[i].referenced_table;
    return NULL;
}

/* A foreign key waits for the two tables if they are known, else for all. */
static void plan_foreign_key(
    struct finishing *finishing, const struct ddl_object *object, size_t number)
{
    struct stages *stages = finishing->loader->stages;
    const struct target_table *referenced = referenced_by(finishing, object);
    const struct stages_table *other =
        referenced == NULL ? NULL : stages_find(stages, referenced->schema, referenced->name);

    schedule_order(
        &stages->schedule, stages_get(stages, object->schema, object->table)->ready, number);
    if (referenced == NULL)
        schedule_order(&stages->schedule, stages->ready, number);
    else if (other != NULL)
        schedule_order(&stages->schedule, other->ready, number);
    schedule_order(&stages->schedule, number, stages->referenced);
}

static void plan_object(struct finishing *finishing, size_t item, bool *planned)
{
    struct stages *stages = finishing->loader->stages;
    const struct ddl_object *object = &finishing->loader->ledger->objects[item];
    const struct stages_table *table = stages_get(stages, object->schema, object->table);
    struct schedule_task task = {.phase = PROGRESS_INDEX, .run = restore_task, .item = item};
    size_t number;

    switch (object->phase) {
    case DDL_PHASE_BUILD:
        task.cost = row_count_of(table) * STAGES_COST_OF_INDEXED_ROW;
        number = add(finishing, &task);
        schedule_order(&stages->schedule, table->loaded, number);
        schedule_order(&stages->schedule, number, table->indexed);
        break;
    case DDL_PHASE_ATTACH:
    case DDL_PHASE_MARK:
        plan_constraints(finishing, table, planned);
        break;
    case DDL_PHASE_FOREIGN:
        task.cost = row_count_of(table) * STAGES_COST_OF_CHECKED_ROW;
        plan_foreign_key(finishing, object, add(finishing, &task));
        break;
    case DDL_PHASE_TRIGGER:
        schedule_order(&stages->schedule, stages->referenced, add(finishing, &task));
        break;
    case DDL_PHASE_COUNT:
        break;
    }
}

/* --- statistics ---------------------------------------------------------------------- */

static void tell_analysed(const struct finishing *finishing, const struct finishing_range *range)
{
    const struct loader *loader = finishing->loader;

    for (size_t i = range->first; i < range->first + range->count; i++)
        progress_add(loader->progress, PROGRESS_ANALYZE,
            plan_progress_number(loader->plan, loader->stages->tables[i].table),
            &(struct progress_count){.items = 1});
}

/* One transaction, so that many small tables cost one answer. */
static bool analyze_task(
    void *context, size_t item, struct connection *connection, struct error *err)
{
    const struct finishing *finishing = context;
    const struct finishing_range *range = &finishing->analyses[item];
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    OWNED(progress_task) struct progress_task task = {0};

    progress_task_begin(&task, finishing->loader->progress, PROGRESS_ANALYZE,
        plan_progress_number(
            finishing->loader->plan, finishing->loader->stages->tables[range->first].table));
    for (size_t i = range->first; i < range->first + range->count; i++) {
        const struct stages_table *table = &finishing->loader->stages->tables[i];

        quote_plain(&sql, "ANALYZE ");
        quote_qualified(&sql, table->schema, table->name);
        quote_plain(&sql, ";");
    }
    if (!connection_exec(connection, quote_text(&sql), err))
        return error_wrap(err, "statistics from table \"%s\" on",
            finishing->loader->stages->tables[range->first].name);
    tell_analysed(finishing, range);
    return true;
}

static void plan_analysis(struct finishing *finishing, size_t item, uint64_t row_count)
{
    struct stages *stages = finishing->loader->stages;
    const struct finishing_range *range = &finishing->analyses[item];
    size_t number = add(finishing,
        &(struct schedule_task){.phase = PROGRESS_ANALYZE,
            .cost = STAGES_COST_OF_ANALYSED_ROW
                    * (row_count < STAGES_ANALYSED_ROW_COUNT_MAX ? row_count
                                                                 : STAGES_ANALYSED_ROW_COUNT_MAX),
            .run = analyze_task,
            .item = item});

    for (size_t i = range->first; i < range->first + range->count; i++) {
        schedule_order(&stages->schedule, stages->tables[i].indexed, number);
        schedule_order(&stages->schedule, number, stages->tables[i].checked);
    }
}

/* A large table is analysed alone, small ones together. */
static void plan_analyses(struct finishing *finishing)
{
    const struct stages *stages = finishing->loader->stages;
    uint64_t row_count = 0;

    finishing->analyses = byte_buffer_calloc(stages->table_count + 1, sizeof(*finishing->analyses));
    for (size_t i = 0; i < stages->table_count && stages->tables[i].table != NULL; i++) {
        struct finishing_range *range = &finishing->analyses[finishing->analysis_count];
        bool is_last = i + 1 == stages->table_count || stages->tables[i + 1].table == NULL;

        row_count += row_count_of(&stages->tables[i]);
        range->count++;
        if (!is_last && range->count < ANALYZE_TABLE_COUNT_MAX
            && row_count + row_count_of(&stages->tables[i + 1]) <= ANALYZE_ROW_COUNT_MAX)
            continue;
        plan_analysis(finishing, finishing->analysis_count++, row_count);
        finishing->analyses[finishing->analysis_count].first = i + 1;
        row_count = 0;
    }
}

/* --- all of it ------------------------------------------------------------------------ */

static bool sequence_task(
    void *context, size_t item, struct connection *connection, struct error *err)
{
    struct finishing *finishing = context;

    (void)item;
    return sequences_set(
        finishing->input, finishing->loader->plan, connection, &finishing->sequence_count, err);
}

void finish_plan(
    struct finishing *finishing, const struct loader *loader, const struct plan_input *input)
{
    struct stages *stages = loader->stages;
    bool *planned = byte_buffer_calloc(stages->table_count + 1, sizeof(*planned));

    finishing->loader = loader;
    finishing->input = input;
    plan_progress_add_objects(loader->progress, loader->plan, loader->ledger);
    for (size_t i = 0; i < loader->ledger->object_count; i++)
        plan_object(finishing, i, planned);
    plan_analyses(finishing);
    schedule_order(&stages->schedule, stages->indexed,
        add(finishing, &(struct schedule_task){.phase = PROGRESS_ANALYZE, .run = sequence_task}));
    free(planned);
}

void finishing_release(struct finishing *finishing)
{
    free(finishing->analyses);
}
