#include "replay/delta/delta_stage.h"

#include "base/owned.h"
#include "postgres/quote.h"
#include "replay/delta/delta_sql.h"
#include "replay/delta/delta_values.h"
#include "replay/load/loader.h"
#include "replay/load/plan_progress.h"
#include "watch/progress_task.h"

#include <string.h>

#define INDEX_ROW_COUNT 200 /* below, looking at all of them is as fast */

/* Staging all of it. */
struct staging {
    struct delta_plan *plan;
    const struct plan *all; /* that it belongs to */
    struct connection *connection;
    struct progress *progress;
};

/* --- temporary tables ------------------------------------------------------------- */

static bool make_like(
    const struct staging *s, const struct delta_table *table, const char *name, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    quote_plain(&sql, "CREATE TEMPORARY TABLE ");
    quote_plain(&sql, name + strlen("pg_temp."));
    quote_plain(&sql, " ON COMMIT DROP AS SELECT ");
    delta_sql_columns(&sql, table->columns, table->column_count, NULL);
    quote_plain(&sql, " FROM ");
    quote_qualified(&sql, table->table->target->schema, table->table->target->name);
    quote_plain(&sql, " WITH NO DATA");
    return connection_exec(s->connection, quote_text(&sql), err);
}

static bool make_for_derivation(const struct staging *s, const struct delta_derived *derived,
    const char *name, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    quote_plain(&sql, "CREATE TEMPORARY TABLE ");
    quote_plain(&sql, name + strlen("pg_temp."));
    for (size_t i = 0; i < derived->table->column_count; i++) {
        quote_plain(&sql, i == 0 ? " (" : ", ");
        quote_name(&sql, derived->columns[i].type.column->name);
        quote_plain(&sql, " ");
        quote_plain(&sql, derived->columns[i].type.column->type_text);
    }
    quote_plain(&sql, ") ON COMMIT DROP");
    return connection_exec(s->connection, quote_text(&sql), err);
}

static bool analyze(const struct staging *s, const char *name, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    quote_plain(&sql, "ANALYZE ");
    quote_plain(&sql, name);
    return connection_exec(s->connection, quote_text(&sql), err);
}

static void put_key(struct byte_buffer *sql, const struct target_index *key)
{
    for (size_t i = 0; i < key->key_count; i++) {
        quote_plain(sql, i == 0 ? "" : ", ");
        quote_name(sql, key->keys[i]->name);
    }
}

/* The planner needs the number of rows, and of the values those that rows are looked up by. */
static bool analyze_key(
    const struct staging *s, const struct delta_table *table, const char *name, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    if (table->column_count == 0)
        return analyze(s, name, err);
    quote_plain(&sql, name);
    quote_plain(&sql, " (");
    if (table->key == NULL)
        quote_name(&sql, table->columns[0].type.column->name);
    else
        put_key(&sql, table->key);
    quote_plain(&sql, ")");
    return analyze(s, quote_text(&sql), err);
}

/* The rows that the target loses (removed) or gets: an undo swaps them. */
static enum source_rows_part part_of(const struct staging *s, bool is_removed)
{
    return is_removed != s->plan->is_undo ? SOURCE_ROWS_REMOVED : SOURCE_ROWS_ADDED;
}

static bool fill(const struct staging *s, struct loader_copy *copy, const struct plan_table *table,
    struct error *err)
{
    OWNED(progress_task) struct progress_task task = {0};
    const struct dump_reader *reader = s->plan->reader;

    progress_task_begin(&task, s->progress, PROGRESS_LOAD, plan_progress_number(s->all, table));
    copy->reader = reader;
    copy->connection = s->connection;
    copy->first_block = reader->first_block[copy->source];
    copy->block_count = reader->block_count[copy->source];
    copy->task = &task;
    return loader_copy(copy, err);
}

/* Staged rows are looked up by their key, and the server may take any way to them. */
static bool index_key(const struct staging *s, const struct delta_table *table, const char *name,
    uint64_t row_count, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    if (table->key == NULL || row_count < INDEX_ROW_COUNT)
        return true;
    quote_plain(&sql, "CREATE INDEX ON ");
    quote_plain(&sql, name);
    quote_plain(&sql, " (");
    put_key(&sql, table->key);
    quote_plain(&sql, ")");
    return connection_exec(s->connection, quote_text(&sql), err);
}

/* --- tables ------------------------------------------------------------------------- */

static bool stage_in_table(const struct staging *s, const struct delta_table *table,
    struct loader_copy *copy, struct error *err)
{
    return make_like(s, table, copy->target, err) && fill(s, copy, table->table, err)
           && analyze_key(s, table, copy->target, err)
           && index_key(s, table, copy->target, copy->row_count, err);
}

static bool stage_as_values(
    const struct staging *s, struct delta_table *table, struct loader_copy *copy, struct error *err)
{
    OWNED(progress_task) struct progress_task task = {0};
    struct delta_values values = {.plan = s->plan, .part = copy->part, .task = &task};

    progress_task_begin(
        &task, s->progress, PROGRESS_LOAD, plan_progress_number(s->all, table->table));
    if (!delta_values_read(&values, table, err))
        return false;
    copy->target = values.from;
    copy->row_count = values.row_count;
    copy->sum = values.sum;
    return true;
}

static bool stage_part(
    const struct staging *s, struct delta_table *table, bool is_removed, struct error *err)
{
    struct loader_copy copy = {
        .source = table->table->source,
        .part = part_of(s, is_removed),
        .columns = table->columns,
        .column_count = table->column_count,
        .target = is_removed ? table->removed : table->added,
    };

    if (delta_values_fit(s->plan, table, copy.part) ? !stage_as_values(s, table, &copy, err)
                                                    : !stage_in_table(s, table, &copy, err))
        return false;
    *(is_removed ? &table->removed : &table->added) = copy.target;
    *(is_removed ? &table->removed_count : &table->added_count) = copy.row_count;
    *(is_removed ? &table->removed_sum : &table->added_sum) = copy.sum;
    return true;
}

static bool stage_derived(const struct staging *s, const struct delta_derived *derived,
    bool is_removed, struct error *err)
{
    struct loader_copy copy = {
        .source = derived->table->source,
        .part = part_of(s, is_removed),
        .columns = derived->columns,
        .column_count = derived->table->column_count,
        .target = is_removed ? derived->removed : derived->added,
    };

    return make_for_derivation(s, derived, copy.target, err) && fill(s, &copy, derived->table, err)
           && analyze(s, copy.target, err);
}

/* --- how rows are told apart ------------------------------------------------------------ */

static bool ask(const struct staging *s, const struct delta_table *table, struct byte_buffer *sql,
    bool *answer, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (!connection_query_texts(s->connection, quote_text(sql), &table->values, &rows, err))
        return false;
    *answer = connection_rows_boolean(&rows, 0, 0);
    return true;
}

/* Is a column of the key NULL in some changed row? */
static bool has_null_key(
    const struct staging *s, const struct delta_table *table, bool *answer, struct error *err)
{
    const char *const names[] = {table->removed, table->added};
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    quote_plain(&sql, "SELECT ");
    for (size_t n = 0; n < 2; n++) {
        quote_plain(&sql, n == 0 ? "EXISTS (SELECT 1 FROM " : " OR EXISTS (SELECT 1 FROM ");
        quote_plain(&sql, names[n]);
        for (size_t i = 0; i < table->key->key_count; i++) {
            quote_plain(&sql, i == 0 ? " AS s WHERE " : " OR ");
            quote_name(&sql, table->key->keys[i]->name);
            quote_plain(&sql, " IS NULL");
        }
        quote_plain(&sql, ")");
    }
    return ask(s, table, &sql, answer, err);
}

static bool is_special(const struct target_index *index)
{
    return index->is_exclusion || index->has_expressions || index->is_partial;
}

/* Appends "r.c IS DISTINCT FROM a.c OR ..." over the columns of other unique indexes; false: there
   are none. */
static bool put_unique_differs(struct byte_buffer *sql, const struct delta_table *table)
{
    const struct target_table *target = table->table->target;
    bool is_first = true;

    for (size_t i = 0; i < table->column_count; i++) {
        const struct type_map *type = &table->columns[i].type;
        bool is_unique = false;

        for (size_t k = 0; k < target->index_count; k++)
            for (size_t n = 0; n < target->indexes[k].key_count; n++)
                is_unique = is_unique
                            || ((target->indexes[k].is_unique || target->indexes[k].is_exclusion)
                                && (is_special(&target->indexes[k])
                                    || target->indexes[k].keys[n] == type->column));
        if (!is_unique || delta_sql_is_in_key(table, type->column))
            continue;
        quote_plain(sql, is_first ? "" : " OR ");
        is_first = false;
        delta_sql_value(sql, "r", type);
        quote_plain(sql, " IS DISTINCT FROM ");
        delta_sql_value(sql, "a", type);
    }
    return !is_first;
}

/* Does a row that stays under its key change a value that must be unique, and may swap it? */
static bool changes_unique(
    const struct staging *s, const struct delta_table *table, bool *answer, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    *answer = false;
    if (table->removed_count == 0 || table->added_count == 0)
        return true;
    /* Not EXISTS: the server would look for a first row quickly, and for all of them slowly. */
    quote_plain(&sql, "SELECT count(*) > 0 FROM ");
    quote_plain(&sql, table->removed);
    quote_plain(&sql, " AS r JOIN ");
    quote_plain(&sql, table->added);
    quote_plain(&sql, " AS a ON ");
    delta_sql_key_match(&sql, table, "r", "a");
    quote_plain(&sql, " WHERE ");
    return !put_unique_differs(&sql, table) || ask(s, table, &sql, answer, err);
}

/* A column outside the key that no UPDATE may write. */
static bool has_fixed_column(const struct delta_table *table)
{
    for (size_t i = 0; i < table->column_count; i++)
        if (table->columns[i].type.column->identity == 'a'
            && !delta_sql_is_in_key(table, table->columns[i].type.column))
            return true;
    return false;
}

static bool is_referenced_at_once(const struct delta_plan *plan, const struct target_table *target)
{
    for (size_t i = 0; i < plan->catalog->table_count; i++)
        for (size_t k = 0; k < plan->catalog->tables[i].constraint_count; k++)
            if (plan->catalog->tables[i].constraints[k].referenced_table == target
                && delta_plan_is_immediate(&plan->catalog->tables[i].constraints[k]))
                return true;
    return false;
}

/*
 * In place is right for rows that others refer to: deleting them, if only to insert them again,
 * would take the others along. Where it is not possible, the foreign keys come down instead.
 */
static bool decide(const struct staging *s, struct delta_table *table, struct error *err)
{
    bool has_null = false;
    bool changes = false;

    if (table->mode == DELTA_UPDATE && table->is_key_nullable
        && !has_null_key(s, table, &has_null, err))
        return false;
    if (has_null) {
        table->mode = DELTA_COUNTED;
        table->key = NULL;
    }
    if (table->mode == DELTA_UPDATE && !changes_unique(s, table, &changes, err))
        return false;
    if (table->mode == DELTA_UPDATE && (changes || has_fixed_column(table)))
        table->mode = DELTA_REPLACE;
    if (table->mode != DELTA_UPDATE && is_referenced_at_once(s->plan, table->table->target))
        table->drops_foreign_keys = true;
    return true;
}

static bool stage_table(const struct staging *s, struct delta_table *table, struct error *err)
{
    if (table->table->action == PLAN_LOAD
        && ((table->mode != DELTA_WHOLE && !stage_part(s, table, true, err))
            || !stage_part(s, table, false, err)))
        return false;
    return decide(s, table, err);
}

bool delta_stage_run(struct delta_plan *plan, const struct plan *all, struct connection *connection,
    struct progress *progress, struct error *err)
{
    struct staging s = {.plan = plan, .all = all, .connection = connection, .progress = progress};

    for (size_t i = 0; i < plan->table_count; i++)
        if (!stage_table(&s, &plan->tables[i], err))
            return error_wrap(err, "table \"%s\"", plan->tables[i].table->name);
    for (size_t i = 0; i < plan->derived_count; i++)
        if ((!plan->derived[i].is_whole && !stage_derived(&s, &plan->derived[i], true, err))
            || !stage_derived(&s, &plan->derived[i], false, err))
            return error_wrap(err, "table \"%s\"", plan->derived[i].table->name);
    return true;
}
