#include "replay/preflight/preflight_trial.h"

#include "base/owned.h"
#include "postgres/quote.h"
#include "replay/preflight/preflight_advice.h"
#include "replay/preflight/trial.h"
#include "replay/preflight/trial_foreign.h"
#include "replay/values/row_words.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- whose policy counts ------------------------------------------------------ */

static const char *definition_of(const struct target_table *table, const char *name)
{
    for (size_t i = 0; i < table->constraint_count; i++)
        if (strcmp(table->constraints[i].name, name) == 0)
            return table->constraints[i].definition;
    for (size_t i = 0; i < table->index_count; i++)
        if (strcmp(table->indexes[i].name, name) == 0)
            return strchr(table->indexes[i].definition, '(');
    return NULL;
}

/* "index row size 2920 exceeds ... for index \"name\"": the server says it in words only. */
static const char *definition_in(const struct target_table *table, const char *message)
{
    for (size_t i = 0; i < table->index_count; i++) {
        const char *found = strstr(message, table->indexes[i].name);

        if (found != NULL && found > message && found[-1] == '"'
            && found[strlen(table->indexes[i].name)] == '"')
            return strchr(table->indexes[i].definition, '(');
    }
    return NULL;
}

/* A column that the refusal is about, of those tried; one that rejects before others. */
static const struct copy_column *column_of(
    const struct trial *trial, const struct trial_refusal *refusal)
{
    const struct target_table *target = trial->table->target;
    const char *definition = definition_of(target, refusal->constraint);
    const struct copy_column *found = NULL;

    if (definition == NULL)
        definition = definition_in(target, refusal->message);
    for (size_t i = 0; i < trial->column_count; i++) {
        const struct copy_column *column = &trial->columns[i];

        if (definition != NULL && !trial_plan_mentions(definition, column->type.column))
            continue;
        if (found == NULL || (column->type.rejects && !found->type.rejects))
            found = column;
    }
    return found == NULL ? &trial->columns[0] : found;
}

/* --- telling ---------------------------------------------------------------------- */

/* All refusals of one kind. */
struct group {
    const struct trial_refusal *first;
    const struct copy_column *column;
    uint64_t count;
    char example[ROW_WORDS_VALUE_SIZE];
    char where[ROW_WORDS_KEY_SIZE];
};

/* A trial's refusals, sorted out. */
struct sorting {
    const struct trial *trial;
    struct group *groups; /* owned */
    size_t count;
    struct rejects rejects;
};

static void sorting_release(struct sorting *sorting)
{
    free(sorting->groups);
    rejects_release(&sorting->rejects);
}

static bool is_alike(const struct trial_refusal *a, const struct trial_refusal *b)
{
    return strcmp(a->sqlstate, b->sqlstate) == 0 && strcmp(a->constraint, b->constraint) == 0;
}

static struct group *group_of(struct sorting *sorting, const struct trial_refusal *refusal)
{
    struct group *group;

    for (size_t i = 0; i < sorting->count; i++)
        if (is_alike(sorting->groups[i].first, refusal))
            return &sorting->groups[i];
    sorting->groups =
        byte_buffer_realloc(sorting->groups, (sorting->count + 1) * sizeof(*sorting->groups));
    group = &sorting->groups[sorting->count++];
    *group = (struct group){.first = refusal, .column = column_of(sorting->trial, refusal)};
    return group;
}

#define PATH_ADVICE \
    "a replay finds names without a schema in pg_catalog alone; tell the function where to look: " \
    "ALTER FUNCTION ... SET search_path = ..."

static bool is_let_through(const struct sorting *sorting, const struct group *group)
{
    return !trial_lacks_name(group->first->sqlstate)
           && (group->column->type.rejects || sorting->trial->rejects);
}

/* Finds the rows again that the server counted. */
static bool sort_out(struct sorting *sorting, const struct trial_result *result, struct error *err)
{
    const struct trial *trial = sorting->trial;
    const struct schema_table *source =
        &trial->preflight->input->reader->schema.tables[trial->table->source];
    OWNED(trial_rows) struct trial_rows rows = {0};
    const struct value *values;
    uint64_t number = 0;

    trial_rows_begin(&rows, trial);
    for (size_t i = 0; i < result->count;) {
        const struct trial_refusal *refusal = &result->items[i];
        struct group *group;

        if (!trial_rows_next(&rows, &values, err))
            return false;
        if (values == NULL)
            break;
        rows.encoder.data.size = 0;
        if (++number < refusal->row)
            continue;
        i++;
        group = group_of(sorting, refusal);
        if (is_let_through(sorting, group))
            rejects_add(&sorting->rejects, &rows.source, refusal->message);
        if (group->count++ > 0)
            continue;
        row_words_value(group->example, &values[group->column->source]);
        row_words_key(group->where, source, values, rows.source.row_number);
    }
    return true;
}

static void report(const struct sorting *sorting, const struct group *group)
{
    struct problems *problems = sorting->trial->preflight->problems;
    const char *table = sorting->trial->table->name;
    const char *index = sorting->trial->index_name;
    const struct type_map *type = &group->column->type;
    const char *where =
        index == NULL ? "" : arena_format(&problems->arena, ", index \"%s\"", index);
    const char *text = arena_format(&problems->arena,
        "table \"%s\", column \"%s\" (%s)%s: %s at %s is refused by the server: %s (values like "
        "this: %" PRIu64 ")",
        table, type->column->name, type->column->type_text, where, group->example, group->where,
        group->first->message, group->count);
    const char *advice;

    if (is_let_through(sorting, group)) {
        problems_note(problems, NULL, "%s; the rows are rejected", text);
        return;
    }
    advice = trial_lacks_name(group->first->sqlstate)
                 ? PATH_ADVICE
                 : preflight_advice(sorting->trial->preflight,
                     &(struct preflight_advice){
                         .table = table, .column = type->column->name, .left = ""});
    problems_add(problems, advice, "%s", text);
}

static bool judge(const struct trial *trial, const struct trial_result *result, struct error *err)
{
    OWNED(sorting) struct sorting sorting = {.trial = trial};

    if (!sort_out(&sorting, result, err))
        return false;
    if (result->failure != NULL && result->lacks_name)
        problems_add(trial->preflight->problems, PATH_ADVICE, "table \"%s\": %s",
            trial->table->name, result->failure);
    else if (result->failure != NULL)
        problems_note(trial->preflight->problems, NULL,
            "table \"%s\": what its constraints say of the rows shows only while loading; trying "
            "it beforehand failed: %s",
            trial->table->name, result->failure);
    for (size_t i = 0; i < sorting.count; i++)
        report(&sorting, &sorting.groups[i]);
    rejects_merge(&trial->table->rejects, &sorting.rejects);
    return true;
}

bool preflight_trial_may_stage(const struct preflight *preflight)
{
    OWNED(byte_buffer) struct byte_buffer advice = {0};
    const struct target_server *server = &preflight->input->catalog->server;
    struct problems *problems = preflight->problems;

    if (server->may_create_temporary)
        return true;
    quote_plain(&advice, "as an administrator: GRANT TEMPORARY ON DATABASE ");
    quote_name(&advice, server->database);
    quote_plain(&advice, " TO ");
    quote_name(&advice, server->user);
    problems_add(problems, arena_text(&problems->arena, quote_text(&advice)),
        "the user \"%s\" may not create temporary tables in database \"%s\", in which rows are tried",
        server->user, server->database);
    return false;
}

bool preflight_trial(const struct preflight *preflight, struct error *err)
{
    OWNED(trial_plan) struct trial_plan plan = {0};

    trial_plan_make(&plan, preflight);
    if (plan.count > 0 && !preflight_trial_may_stage(preflight))
        return true;
    for (size_t i = 0; i < plan.count; i++) {
        OWNED(trial_result) struct trial_result result = {0};

        if (!trial_run(&plan.items[i], &result, err) || !judge(&plan.items[i], &result, err))
            return false;
    }
    return true;
}

static bool judge_foreign(const struct preflight *preflight, struct plan_table *table,
    const struct target_constraint *constraint, bool *any, struct error *err)
{
    OWNED(trial_foreign) struct trial_foreign foreign = {0};
    OWNED(trial_result) struct trial_result result = {0};

    if (!trial_foreign_make(&foreign, preflight, table, constraint))
        return true;
    *any = true;
    if (!preflight->input->catalog->server.may_create_temporary)
        return true;
    return trial_foreign_run(&foreign, &result, err) && judge(&foreign.child, &result, err);
}

bool preflight_trial_foreign(const struct preflight *preflight, bool *any, struct error *err)
{
    *any = false;
    if (preflight->input->reader->header.kind != DUMP_FULL)
        return true;
    for (size_t i = 0; i < preflight->plan->table_count; i++) {
        struct plan_table *table = &preflight->plan->tables[i];

        if (table->action != PLAN_LOAD || table->row_count == 0)
            continue;
        for (size_t j = 0; j < table->target->constraint_count; j++)
            if (!judge_foreign(preflight, table, &table->target->constraints[j], any, err))
                return false;
    }
    if (*any && preflight->problems->count == 0)
        (void)preflight_trial_may_stage(preflight);
    return true;
}
