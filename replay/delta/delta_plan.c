#include "replay/delta/delta_plan.h"

#include "replay/delta/delta_sql.h"
#include "replay/ledger/mapping.h"

#include <inttypes.h>
#include <string.h>

#define LARGE_ROW_COUNT 10000 /* a smaller table is read sooner than its changed rows are found */

/* A plan being made. */
struct planner {
    struct delta_plan *plan;
    const struct delta_plan_input *input;
    struct problems *problems;
    size_t number; /* for the names of temporary tables */
};

void delta_plan_release(struct delta_plan *plan)
{
    arena_release(&plan->arena);
    *plan = (struct delta_plan){0};
}

/* --- keys --------------------------------------------------------------------- */

static const struct copy_column *column_of(
    const struct delta_table *table, const struct target_column *column)
{
    for (size_t i = 0; i < table->column_count; i++)
        if (table->columns[i].type.column == column)
            return &table->columns[i];
    return NULL;
}

static bool is_usable(
    const struct delta_table *table, const struct target_index *index, bool *is_nullable)
{
    *is_nullable = false;
    if (!index->is_unique || !index->is_valid || !index->is_immediate || index->is_partial
        || index->has_expressions || index->is_exclusion || index->key_count == 0)
        return false;
    for (size_t i = 0; i < index->key_count; i++) {
        const struct copy_column *column =
            index->keys[i] == NULL ? NULL : column_of(table, index->keys[i]);

        if (column == NULL || !delta_sql_is_key(&column->type))
            return false;
        *is_nullable = *is_nullable || !index->keys[i]->is_not_null;
    }
    return true;
}

static bool is_better(
    const struct delta_table *table, const struct target_index *index, bool is_nullable)
{
    if (table->key == NULL || table->is_key_nullable != is_nullable)
        return table->key == NULL || !is_nullable;
    if (table->key->is_primary || index->is_primary)
        return index->is_primary;
    return index->key_count < table->key->key_count;
}

static void choose_key(struct delta_table *table)
{
    const struct target_table *target = table->table->target;
    bool is_nullable;

    for (size_t i = 0; i < target->index_count; i++) {
        if (!is_usable(table, &target->indexes[i], &is_nullable)
            || !is_better(table, &target->indexes[i], is_nullable))
            continue;
        table->key = &target->indexes[i];
        table->is_key_nullable = is_nullable;
    }
}

/* --- tables --------------------------------------------------------------------- */

/* The facts of the dump say nothing about removed rows. */
static const struct copy_column *copy_columns(struct planner *p, const struct plan_table *table)
{
    struct copy_column *columns =
        arena_alloc(&p->plan->arena, table->column_count + 1, sizeof(*columns));

    for (size_t i = 0; i < table->column_count; i++) {
        columns[i] = table->columns[i];
        columns[i].type.trusts_text = false;
    }
    return columns;
}

static const char *temporary(struct planner *p, const char *name)
{
    return arena_format(&p->plan->arena, "pg_temp.valise_%s_%zu", name, p->number);
}

/* Changed rows are found by their place, and joined with temporary tables of our session. */
static void refuse_distributed(struct planner *p, const struct plan_table *source)
{
    if (source->target->is_distributed)
        problems_add(p->problems,
            "replay a full dump of the new state: tables that differ are loaded anew",
            "table \"%s\" is distributed by Citus, where a delta cannot find the rows it changes",
            source->name);
}

static void add_table(struct planner *p, const struct plan_table *source, bool is_whole)
{
    struct delta_table *table = &p->plan->tables[p->plan->table_count++];

    refuse_distributed(p, source);
    p->number++;
    *table = (struct delta_table){
        .table = source,
        .columns = copy_columns(p, source),
        .column_count = source->column_count,
        .removed = temporary(p, "removed"),
        .added = temporary(p, "added"),
        .wanted = temporary(p, "wanted"),
        .found = temporary(p, "found"),
    };
    if (is_whole) {
        table->mode = DELTA_WHOLE;
        return;
    }
    choose_key(table);
    table->mode = table->key == NULL ? DELTA_COUNTED : DELTA_UPDATE;
}

static void add_derived(struct planner *p, const struct plan_table *source, bool is_whole)
{
    struct delta_derived *derived = &p->plan->derived[p->plan->derived_count++];

    refuse_distributed(p, source);
    p->number++;
    *derived = (struct delta_derived){
        .table = source,
        .is_whole = is_whole,
        .columns = copy_columns(p, source),
        .removed = temporary(p, "removed"),
        .added = temporary(p, "added"),
    };
    if (!is_whole && source->rule->identity.count == 0)
        problems_add(p->problems, "add it to a copy of the profile, or replay a full dump",
            "table \"%s\" is derived, and the profile does not say by which columns a changed row "
            "is found again (identity)",
            source->name);
}

static bool was_replayed(const struct planner *p, const char *name)
{
    for (size_t i = 0; i < p->input->ledger->part_count; i++)
        if (strcmp(p->input->ledger->parts[i].table, name) == 0)
            return true;
    return false;
}

/* A table that the dump holds whole, or that the source does not have any more. */
static void plan_whole(struct planner *p, const struct plan_table *table)
{
    int64_t seed_row_max = table->rule == NULL ? 0 : table->rule->seed_row_max;

    if (table->target->has_rows && seed_row_max == 0 && !was_replayed(p, table->name)) {
        problems_add(p->problems, "remove these rows, or replay a full dump into a new database",
            "table \"%s\" of the target has rows that no replay brought", table->name);
        return;
    }
    if (p->input->is_undo)
        problems_add(p->problems, "replay a full dump of that state into a new database",
            "table \"%s\" cannot be taken back: the delta holds it whole, not what it was before",
            table->name);
    add_table(p, table, true);
}

/* What the delta brings would be of one kind, and the rows that it does not hold of another. */
static void refuse_remapped(struct planner *p, const struct plan_table *table)
{
    problems_add(p->problems,
        "replay a full dump of the new state: such tables are loaded anew; or make it as it was",
        "%s: a delta holds changed rows only", table->remapped);
}

static void plan_table(struct planner *p, const struct plan_table *table)
{
    const struct dump_reader *reader = p->input->reader;
    bool is_whole =
        table->source != UINT32_MAX && reader->ends[table->source].change == TABLE_WHOLE;
    bool is_same =
        table->source != UINT32_MAX && reader->block_count[table->source] == 0 && !is_whole;

    if (table->target == NULL || (table->action == PLAN_LOAD && table->column_count == 0))
        return;
    if (table->remapped != NULL && !is_whole)
        refuse_remapped(p, table);
    if (table->action == PLAN_LOAD && is_whole)
        plan_whole(p, table);
    else if (table->action == PLAN_LOAD && !is_same)
        add_table(p, table, false);
    else if (table->action == PLAN_DERIVE && !is_same)
        add_derived(p, table, is_whole);
    else if (table->action == PLAN_EMPTY && table->target->has_rows)
        add_table(p, table, true);
    else if (table->action == PLAN_KEEP && table->rule == NULL && table->target->has_rows)
        plan_whole(p, table);
}

/* --- order ------------------------------------------------------------------------ */

bool delta_plan_reads_changes(const struct delta_plan *plan, const struct plan_table *table)
{
    return plan->reads_changes && table->row_count >= LARGE_ROW_COUNT;
}

bool delta_plan_is_immediate(const struct target_constraint *key)
{
    return key->type == 'f' && key->is_enforced && (key->on_delete != 'a' || key->on_update != 'a');
}

static bool refers(const struct target_table *table, const struct target_table *to)
{
    for (size_t i = 0; i < table->constraint_count; i++)
        if (table->constraints[i].type == 'f' && table->constraints[i].is_enforced
            && table->constraints[i].referenced_table == to)
            return true;
    return false;
}

bool delta_plan_is_referenced(const struct delta_plan *plan, const struct target_table *table)
{
    for (size_t i = 0; i < plan->catalog->table_count; i++)
        if (refers(&plan->catalog->tables[i], table))
            return true;
    for (size_t i = 0; i < plan->catalog->foreign_reference_count; i++)
        if (plan->catalog->foreign_references[i].referenced_table == table)
            return true;
    return false;
}

/* Does a table after place `from`, other than the one there, refer to that one? */
static bool is_waited_for(const struct delta_plan *plan, size_t from, size_t at)
{
    for (size_t i = from; i < plan->table_count; i++)
        if (i != at && refers(plan->tables[i].table->target, plan->tables[at].table->target))
            return true;
    return false;
}

/* Tables that refer first; in a cycle the foreign keys come down. */
static void order_tables(struct delta_plan *plan)
{
    for (size_t place = 0; place < plan->table_count; place++) {
        size_t next = place;
        struct delta_table chosen;

        while (next < plan->table_count && is_waited_for(plan, place, next))
            next++;
        if (next == plan->table_count) {
            for (size_t i = place; i < plan->table_count; i++)
                plan->tables[i].drops_foreign_keys = true;
            next = place;
        }
        chosen = plan->tables[next];
        memmove(
            &plan->tables[place + 1], &plan->tables[place], (next - place) * sizeof(*plan->tables));
        plan->tables[place] = chosen;
    }
}

static void look_at_self_references(struct delta_plan *plan)
{
    for (size_t i = 0; i < plan->table_count; i++) {
        const struct target_table *target = plan->tables[i].table->target;

        for (size_t k = 0; k < target->constraint_count; k++)
            if (target->constraints[k].referenced_table == target
                && delta_plan_is_immediate(&target->constraints[k]))
                plan->tables[i].drops_foreign_keys = true;
    }
}

void delta_plan_make(
    struct delta_plan *plan, const struct delta_plan_input *input, struct problems *problems)
{
    struct planner p = {.plan = plan, .input = input, .problems = problems};
    size_t room = input->plan->table_count + 1;

    *plan = (struct delta_plan){
        .reader = input->reader, .catalog = input->catalog, .is_undo = input->is_undo};
    plan->tables = arena_alloc(&plan->arena, room, sizeof(*plan->tables));
    plan->derived = arena_alloc(&plan->arena, room, sizeof(*plan->derived));
    for (size_t i = 0; i < input->plan->table_count; i++)
        plan_table(&p, &input->plan->tables[i]);
    order_tables(plan);
    look_at_self_references(plan);
}
