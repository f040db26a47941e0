#include "replay/plan/plan.h"

#include "replay/plan/missing.h"
#include "replay/target/target_others.h"
#include "replay/values/source_rows.h"
#include "replay/values/unix_time.h"

#include <inttypes.h>
#include <string.h>

/* Above either, building indexes anew is faster than keeping them while loading. */
#define LARGE_ROW_COUNT 20000
#define LARGE_SIZE ((uint64_t)4 << 20)

#define NAME_SIZE_MAX 63 /* bytes: PostgreSQL's NAMEDATALEN less the NUL */

static const char *const action_names[PLAN_ACTION_COUNT] = {
    [PLAN_LOAD] = "load",
    [PLAN_DERIVE] = "derive",
    [PLAN_SAME] = "same",
    [PLAN_EMPTY] = "empty",
    [PLAN_KEEP] = "keep",
    [PLAN_IGNORE] = "ignore",
};

/* A plan being made. */
struct planner {
    struct plan *plan;
    const struct plan_input *input;
    struct problems *problems;
};

const char *plan_action_name(enum plan_action action)
{
    return action_names[action];
}

bool plan_writes(const struct plan_table *table)
{
    return table->target != NULL
           && (table->action == PLAN_LOAD || table->action == PLAN_DERIVE
               || table->action == PLAN_EMPTY);
}

/* What to do about a target that lacks something of that name; NULL: a schema. */
static const char *advice_of(const struct planner *p, const char *name)
{
    if (name != NULL && strlen(name) > NAME_SIZE_MAX)
        return "PostgreSQL has no names of more than 63 bytes: rename it in a copy of the SQLite "
               "database (ALTER TABLE ... RENAME) and in the target, and dump that copy";
    if (p->input->profile->prepare != NULL)
        return p->input->profile->prepare;
    return name != NULL
               ? "prepare the target with the version of the application that wrote the database"
               : "prepare the target with the version of the application that wrote the database; "
                 "for one that cannot, valise schema writes the CREATE statements";
}

/* --- columns ------------------------------------------------------------------ */

static void map_column(struct planner *p, const struct plan_table *table, uint32_t source,
    const struct target_column *column, struct copy_column *out)
{
    const struct column_facts *facts = &p->input->reader->ends[table->source].facts[source];
    const char *name = p->input->reader->schema.tables[table->source].columns[source].name.bytes;
    enum value_policy policy;

    out->source = source;
    type_map_of(&out->type, column);
    out->type.nul_replacement = table->rule == NULL ? NULL : table->rule->nul_replacement;
    policy = p->input->policies == NULL ? VALUE_POLICY_STOP
                                        : value_policy_of(p->input->policies, table->name, name);
    /* A delta is applied whole, or not at all. */
    out->type.rejects = policy == VALUE_POLICY_REJECT && p->input->reader->header.kind == DUMP_FULL;
    out->type.replaces_text = policy == VALUE_POLICY_REPLACE;
    if (p->input->policies != NULL)
        out->type.unix_time = unix_time_of(p->input->policies, table->name, name);
    if (out->type.replaces_text && out->type.nul_replacement == NULL)
        out->type.nul_replacement = p->input->policies->nul_text;
    out->type.trusts_text = facts->invalid_utf8_count == 0
                            && (facts->nul_count == 0 || out->type.nul_replacement != NULL);
}

/* A column of the dump that has no place. If it holds only NULL, nothing is lost. A delta knows
 * nothing of the rows that it does not change, and its sums are of all columns. */
static void meet_missing(
    struct planner *p, const struct plan_table *table, const struct schema_column *column)
{
    const struct schema_table *source = &p->input->reader->schema.tables[table->source];
    const struct column_facts *facts =
        &p->input->reader->ends[table->source].facts[column - source->columns];
    const char *name = column->name.bytes;

    if (p->input->reader->header.kind == DUMP_FULL
        && facts->class_count[VALUE_NULL] == table->row_count)
        problems_note(p->problems, NULL,
            "table \"%s\": column \"%s\" of the dump does not exist in the target; it holds only "
            "NULL",
            table->name, name);
    else if (missing_is_allowed(p->input->missing, table->rule, table->name, name))
        problems_note(p->problems, NULL,
            "table \"%s\": column \"%s\" of the dump does not exist in the target: left out",
            table->name, name);
    else
        problems_add(p->problems,
            missing_advice(&p->problems->arena, advice_of(p, name), table->name, name),
            "table \"%s\": column \"%s\" of the dump does not exist in the target", table->name,
            name);
}

/* The target column for a column of the dump; NULL and a problem or note when it has none. */
static const struct target_column *target_of(
    struct planner *p, const struct plan_table *table, const struct schema_column *column)
{
    const struct target_column *found =
        memchr(column->name.bytes, 0, column->name.size) != NULL
            ? NULL
            : target_catalog_column(table->target, column->name.bytes);

    if (found == NULL && table->row_count > 0 && column->generated == SCHEMA_GENERATED_NO)
        meet_missing(p, table, column);
    if (found == NULL || found->generated == 0)
        return found;
    if (table->row_count > 0 && column->generated == SCHEMA_GENERATED_NO) {
        p->plan->uncompared_count++;
        problems_note(p->problems, "compare it yourself, or make it an ordinary column",
            "table \"%s\": the target generates column \"%s\" itself; the dump's values are neither "
            "loaded nor compared",
            table->name, found->name);
    }
    return NULL;
}

static bool is_mapped(const struct plan_table *table, const struct target_column *column)
{
    for (size_t i = 0; i < table->column_count; i++)
        if (table->columns[i].type.column == column)
            return true;
    return false;
}

static void check_left_columns(struct planner *p, const struct plan_table *table)
{
    for (size_t i = 0; i < table->target->column_count; i++) {
        const struct target_column *column = &table->target->columns[i];

        if (table->row_count == 0 || column->generated != 0 || is_mapped(table, column))
            continue;
        if (column->is_not_null && !column->has_default && column->identity == 0)
            problems_add(p->problems,
                arena_format(&p->problems->arena,
                    "%s; or give it a default there (ALTER TABLE ... ALTER COLUMN ... SET DEFAULT)",
                    advice_of(p, NULL)),
                "table \"%s\": column \"%s\" of the target is NOT NULL, has no default and does "
                "not exist in the dump",
                table->name, column->name);
        else
            problems_note(p->problems,
                table->target->trigger_count == 0
                    ? NULL
                    : "triggers of this table rest while it is loaded: if one fills the column, "
                      "UPDATE it afterwards",
                "table \"%s\": column \"%s\" does not exist in the dump and gets its default",
                table->name, column->name);
    }
}

static void map_columns(struct planner *p, struct plan_table *table)
{
    const struct schema_table *source = &p->input->reader->schema.tables[table->source];
    struct copy_column *columns =
        arena_alloc(&p->plan->arena, source->column_count + 1, sizeof(*columns));

    table->columns = columns;
    for (uint32_t i = 0; i < source->column_count; i++) {
        const struct target_column *column = target_of(p, table, &source->columns[i]);

        if (column == NULL)
            continue;
        if (is_mapped(table, column)) {
            problems_add(p->problems, "rename one of them on either side",
                "table \"%s\": two columns of the dump differ from \"%s\" in case only",
                table->name, column->name);
            continue;
        }
        map_column(p, table, i, column, &columns[table->column_count++]);
    }
    if (table->row_count > 0 && table->column_count == 0)
        problems_add(p->problems, NULL,
            "table \"%s\": no column of it can be written in the target", table->name);
    check_left_columns(p, table);
}

/* --- derived tables -------------------------------------------------------------- */

/* A column of the staging table, as the catalog would describe it. */
static const struct target_column *staging_column(
    struct planner *p, const struct profile_staging_column *column)
{
    static const struct {
        const char *name;
        uint32_t oid;
    } types[] = {{"text", 25}, {"bigint", 20}, {"bytea", 17}, {"double precision", 701}};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct target_column *made;

        if (strcmp(types[i].name, column->type) != 0)
            continue;
        made = arena_alloc(&p->plan->arena, 1, sizeof(*made));
        *made = (struct target_column){
            .name = column->name,
            .type_oid = types[i].oid,
            .type_text = types[i].name,
            .base_type_oid = types[i].oid,
            .base_type_name = types[i].name,
            .base_type_namespace = "pg_catalog",
            .base_type_kind = 'b',
            .type_modifier = -1,
        };
        return made;
    }
    return NULL;
}

static void map_staging(struct planner *p, struct plan_table *table)
{
    const struct profile_table *rule = table->rule;
    const struct schema_table *source = &p->input->reader->schema.tables[table->source];
    struct copy_column *columns =
        arena_alloc(&p->plan->arena, rule->column_count + 1, sizeof(*columns));

    table->columns = columns;
    for (size_t i = 0; i < rule->column_count; i++) {
        uint32_t at = source_rows_column(source, rule->columns[i].source);
        const struct target_column *column = staging_column(p, &rule->columns[i]);

        if (at == UINT32_MAX || column == NULL) {
            problems_add(p->problems, "the profile does not fit this version of the application",
                "table \"%s\": its profile derives it from column \"%s\" of \"%s\" as %s, which %s",
                table->name, rule->columns[i].source, rule->from, rule->columns[i].type,
                column == NULL ? "is none of text, bigint, bytea, double precision"
                               : "does not exist");
            continue;
        }
        map_column(p, table, at, column, &columns[table->column_count++]);
    }
}

static void plan_derivation(struct planner *p, struct plan_table *table)
{
    const struct dump_reader *reader = p->input->reader;

    table->source = source_rows_table(reader, table->rule->from);
    if (table->target == NULL || table->source == UINT32_MAX) {
        problems_add(p->problems, "the profile does not fit this version of the application",
            "table \"%s\": its profile derives it from \"%s\", but %s", table->name,
            table->rule->from,
            table->target == NULL ? "the target has no such table" : "the dump lacks that table");
        table->action = PLAN_IGNORE;
        return;
    }
    table->row_count = reader->ends[table->source].row_count;
    table->size = reader->ends[table->source].size;
    map_staging(p, table);
}

/* --- tables ------------------------------------------------------------------------ */

static enum plan_action action_of(
    const struct planner *p, const struct schema_table *source, const struct profile_table *rule)
{
    (void)p;
    if (rule != NULL) {
        switch (rule->action) {
        case PROFILE_REPLICATE:
            return PLAN_LOAD;
        case PROFILE_KEEP:
            return PLAN_KEEP;
        case PROFILE_EMPTY:
            return PLAN_EMPTY;
        case PROFILE_DERIVE:
            return PLAN_DERIVE;
        case PROFILE_IGNORE:
            return PLAN_IGNORE;
        }
    }
    return source->kind == SCHEMA_TABLE_ORDINARY ? PLAN_LOAD : PLAN_IGNORE;
}

static bool is_taken(const struct plan *plan, const struct target_table *target)
{
    for (size_t i = 0; i < plan->table_count; i++)
        if (plan->tables[i].target == target)
            return true;
    return false;
}

/* A table of the dump whose rows would go nowhere. */
static void check_ignored(
    struct planner *p, const struct plan_table *table, const struct schema_table *source)
{
    if (table->rule != NULL)
        return;
    if (source->kind == SCHEMA_TABLE_VIRTUAL && table->target != NULL)
        problems_add(p->problems,
            "use a profile that says what to do with it (action derive, keep or empty)",
            "table \"%s\" is a virtual table in the dump and an ordinary one in the target",
            table->name);
    else if (source->kind == SCHEMA_TABLE_VIRTUAL)
        problems_note(p->problems, NULL,
            "table \"%s\" is a virtual table of SQLite and has no counterpart in the target",
            table->name);
}

static const char other_schema_advice[] =
    "if that is the one: ALTER ROLE ... SET search_path, so that its schema comes first";

static void report_missing(struct planner *p, const struct plan_table *table)
{
    const struct target_other *other = target_catalog_other(p->input->catalog, table->name);

    if (missing_is_allowed(p->input->missing, NULL, table->name, NULL))
        problems_note(p->problems, NULL,
            "table \"%s\" has %" PRIu64
            " row%s in the dump and does not exist in the target: left out",
            table->name, table->row_count, table->row_count == 1 ? "" : "s");
    else if (other == NULL)
        problems_add(p->problems,
            missing_advice(&p->problems->arena, advice_of(p, table->name), table->name, NULL),
            "table \"%s\" has %" PRIu64 " row%s in the dump and does not exist in the target",
            table->name, table->row_count, table->row_count == 1 ? "" : "s");
    else if (other->is_here)
        problems_add(p->problems,
            arena_format(&p->problems->arena, "drop or rename it; then %s", advice_of(p, NULL)),
            "table \"%s\" has %" PRIu64
            " rows in the dump, but what has its name in the target is %s",
            table->name, table->row_count, target_others_kind(other));
    else
        problems_add(p->problems, other_schema_advice,
            "table \"%s\" has %" PRIu64
            " rows in the dump and does not exist in the schema \"%s\" of "
            "the target, but in its schema \"%s\"",
            table->name, table->row_count, p->input->catalog->server.schema, other->schema);
}

static void plan_load(struct planner *p, struct plan_table *table)
{
    if (table->target != NULL) {
        map_columns(p, table);
        return;
    }
    if (table->row_count > 0)
        report_missing(p, table);
    table->action = PLAN_IGNORE;
}

static void plan_source_table(struct planner *p, uint32_t ordinal)
{
    const struct dump_reader *reader = p->input->reader;
    const struct schema_table *source = &reader->schema.tables[ordinal];
    bool has_nul = memchr(source->name.bytes, 0, source->name.size) != NULL;
    struct plan_table table = {
        .name = source->name.bytes,
        .source = ordinal,
        .row_count = reader->ends[ordinal].row_count,
        .size = reader->ends[ordinal].size,
        .rule = has_nul ? NULL : profile_table(p->input->profile, source->name.bytes),
        .target = has_nul ? NULL : target_catalog_table(p->input->catalog, source->name.bytes),
    };

    table.action = action_of(p, source, table.rule);
    if (source->kind == SCHEMA_TABLE_INTERNAL)
        table.target = NULL;
    if (table.target != NULL && is_taken(p->plan, table.target)) {
        problems_add(p->problems, "rename one of them on either side",
            "two tables of the dump differ from \"%s\" in case only", table.target->name);
        return;
    }
    if (table.action == PLAN_DERIVE)
        plan_derivation(p, &table);
    else if (table.action == PLAN_LOAD)
        plan_load(p, &table);
    else if (table.action == PLAN_IGNORE)
        check_ignored(p, &table, source);
    table.is_large = table.row_count > LARGE_ROW_COUNT || table.size > LARGE_SIZE;
    p->plan->tables[p->plan->table_count++] = table;
}

/* Rows of a table that the dump does not have. */
static void meet_stray_rows(struct planner *p, struct plan_table *table)
{
    if (p->input->replaces_rows) {
        table->action = PLAN_EMPTY;
        problems_note(p->problems, "--abort brings its rows back, until the replay is done",
            "table \"%s\" exists only in the target: emptied", table->name);
        return;
    }
    if (!table->target->may_select || table->target->has_row_security) {
        problems_add(p->problems,
            "connect as the owner of all tables, or GRANT SELECT on it to the user (and disable its "
            "row level security)",
            "table \"%s\" exists only in the target, and the user \"%s\" may not see whether it has rows",
            table->name, p->input->catalog->server.user);
        return;
    }
    problems_add(p->problems,
        "a prepared, unused database has no such rows; use a new one, or a profile that keeps the "
        "table, or empty it with --on-existing=replace",
        "table \"%s\" exists only in the target and is not empty", table->name);
}

static void plan_target_table(struct planner *p, const struct target_table *target)
{
    const struct profile_table *rule = profile_table(p->input->profile, target->name);
    struct plan_table table = {
        .name = target->name,
        .target = target,
        .source = UINT32_MAX,
        .rule = rule,
        .action = PLAN_KEEP,
    };

    if (target->is_partition || is_taken(p->plan, target))
        return;
    if (rule != NULL && rule->action == PROFILE_EMPTY)
        table.action = PLAN_EMPTY;
    else if (rule == NULL && target->has_rows && !target->is_in_extension
             && p->input->reader->header.kind == DUMP_FULL)
        meet_stray_rows(p, &table);
    p->plan->tables[p->plan->table_count++] = table;
}

/* Tables that stand in another schema tell more than a schema that has none. */
static void report_no_tables(struct planner *p)
{
    const struct schema *schema = &p->input->reader->schema;
    const struct target_other *other = NULL;

    for (uint32_t i = 0; i < schema->table_count && (other == NULL || other->is_here); i++)
        other = target_catalog_other(p->input->catalog, schema->tables[i].name.bytes);
    if (other == NULL || other->is_here)
        problems_add(p->problems, advice_of(p, NULL), "the target's schema \"%s\" has no tables",
            p->input->catalog->server.schema);
    else
        problems_add(p->problems, other_schema_advice,
            "the target's schema \"%s\" has no tables, but its schema \"%s\" has \"%s\"",
            p->input->catalog->server.schema, other->schema, other->name);
}

void plan_make(struct plan *plan, const struct plan_input *input, struct problems *problems)
{
    struct planner p = {.plan = plan, .input = input, .problems = problems};
    const struct schema *schema = &input->reader->schema;

    *plan = (struct plan){0};
    plan->tables = arena_alloc(&plan->arena,
        (size_t)schema->table_count + input->catalog->table_count + 1, sizeof(*plan->tables));
    if (input->catalog->table_count == 0) {
        report_no_tables(&p);
        return;
    }
    for (uint32_t i = 0; i < schema->table_count; i++)
        plan_source_table(&p, i);
    for (size_t i = 0; i < input->catalog->table_count; i++)
        plan_target_table(&p, &input->catalog->tables[i]);
    plan_count(plan);
}

void plan_count(struct plan *plan)
{
    plan->row_count = 0;
    plan->size = 0;
    for (size_t i = 0; i < plan->table_count; i++) {
        if (plan->tables[i].action != PLAN_LOAD && plan->tables[i].action != PLAN_DERIVE)
            continue;
        plan->row_count += plan->tables[i].row_count;
        plan->size += plan->tables[i].size;
    }
}

void plan_release(struct plan *plan)
{
    for (size_t i = 0; i < plan->table_count; i++)
        rejects_release(&plan->tables[i].rejects);
    arena_release(&plan->arena);
    *plan = (struct plan){0};
}
