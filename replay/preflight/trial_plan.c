#include "replay/preflight/trial_plan.h"

#include "base/owned.h"
#include "postgres/quote.h"
#include "replay/preflight/key_checks.h"
#include "replay/preflight/plain_predicate.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* A trial while it is put together. */
struct draft {
    const struct preflight *preflight;
    struct plan_table *table;
    bool *is_wanted; /* owned: for each column of the target */
    struct byte_buffer checks;
    struct byte_buffer indexes;
    bool is_delta; /* rows that only the target has count too: none are compared */
    bool needs_all_rows_at_once;
    bool is_needed;
};

static void draft_release(struct draft *draft)
{
    free(draft->is_wanted);
    byte_buffer_release(&draft->checks);
    byte_buffer_release(&draft->indexes);
}

static struct draft draft_of(const struct preflight *preflight, struct plan_table *table)
{
    struct draft draft = {.preflight = preflight, .table = table};

    draft.is_delta = preflight->input->reader->header.kind == DUMP_DELTA;
    draft.is_wanted = byte_buffer_calloc(table->target->column_count + 1, sizeof(*draft.is_wanted));
    return draft;
}

/* --- definitions --------------------------------------------------------------- */

static bool is_word_byte(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

bool trial_plan_mentions(const char *definition, const struct target_column *column)
{
    OWNED(byte_buffer) struct byte_buffer quoted = {0};
    size_t size = strlen(column->name);

    quote_name(&quoted, column->name);
    if (strstr(definition, quote_text(&quoted)) != NULL)
        return true;
    for (const char *at = definition; (at = strstr(at, column->name)) != NULL; at++)
        if ((at == definition || !is_word_byte(at[-1])) && !is_word_byte(at[size]))
            return true;
    return false;
}

static const struct copy_column *loaded_column(
    const struct plan_table *table, const struct target_column *column)
{
    for (size_t i = 0; i < table->column_count; i++)
        if (table->columns[i].type.column == column)
            return &table->columns[i];
    return NULL;
}

/* Wants all columns that a text names, and those that generated ones among them are made of. False
   when one of them gets its value from a sequence. */
static bool want_mentioned(struct draft *draft, const char *definition)
{
    const struct target_table *target = draft->table->target;

    for (size_t i = 0; i < target->column_count; i++) {
        const struct target_column *column = &target->columns[i];

        if (draft->is_wanted[i] || !trial_plan_mentions(definition, column))
            continue;
        if (loaded_column(draft->table, column) == NULL && column->generated == 0
            && (column->identity != 0
                || (column->default_text != NULL && strstr(column->default_text, "nextval("))))
            return false;
        draft->is_wanted[i] = true;
        if (column->generated != 0 && !want_mentioned(draft, column->default_text))
            return false;
    }
    return true;
}

/* What follows the name of the table in CREATE INDEX: " USING btree (a)"; quotes are skipped. */
static const char *index_tail(const char *definition)
{
    static const char mark[] = " USING ";
    bool is_quoted = false;

    for (const char *at = definition; *at != '\0'; at++) {
        if (*at == '"')
            is_quoted = !is_quoted;
        else if (!is_quoted && strncmp(at, mark, strlen(mark)) == 0)
            return at;
    }
    return NULL;
}

static void put_table(struct byte_buffer *sql, const struct draft *draft)
{
    quote_qualified(sql, "pg_temp", draft->table->target->name);
}

/* --- what there is to doubt ------------------------------------------------------- */

static uint64_t null_count_of(const struct draft *draft, const struct copy_column *column)
{
    return draft->preflight->input->reader->ends[draft->table->source]
        .facts[column->source]
        .class_count[VALUE_NULL];
}

/* CHECK (a IS NOT NULL), where the dump has no NULL. */
static bool is_proven(const struct draft *draft, const struct target_constraint *constraint)
{
    OWNED(byte_buffer) struct byte_buffer plain = {0};
    OWNED(byte_buffer) struct byte_buffer quoted = {0};
    const struct copy_column *column;
    const char *name;

    if (constraint->column_count != 1)
        return false;
    name = constraint->columns[0]->name;
    column = loaded_column(draft->table, constraint->columns[0]);
    quote_plain(&plain, "CHECK ((");
    quote_plain(&plain, name);
    quote_plain(&plain, " IS NOT NULL))");
    quote_plain(&quoted, "CHECK ((");
    quote_name(&quoted, name);
    quote_plain(&quoted, " IS NOT NULL))");
    return column != NULL && null_count_of(draft, column) == 0
           && (strncmp(constraint->definition, (char *)plain.data, plain.size) == 0
               || strncmp(constraint->definition, (char *)quoted.data, quoted.size) == 0);
}

/* EXCLUDE, and keys WITHOUT OVERLAPS. */
static bool is_made_by_exclusion(const struct target_constraint *constraint)
{
    return constraint->type == 'x' || (constraint->has_period && constraint->type != 'f');
}

static void add_constraint(struct draft *draft, const struct target_constraint *constraint)
{
    struct byte_buffer *sql = constraint->type == 'c' ? &draft->checks : &draft->indexes;

    if (!want_mentioned(draft, constraint->definition))
        return;
    quote_plain(sql, "; ALTER TABLE ");
    put_table(sql, draft);
    quote_plain(sql, " ADD CONSTRAINT ");
    quote_name(sql, constraint->name);
    quote_plain(sql, " ");
    quote_plain(sql, constraint->definition);
    draft->needs_all_rows_at_once = draft->needs_all_rows_at_once || constraint->type != 'c';
    draft->is_needed = true;
}

static void add_index(struct draft *draft, const struct target_index *index, bool is_unique)
{
    const char *tail = index_tail(index->definition);

    if (tail == NULL || !want_mentioned(draft, tail))
        return;
    quote_plain(&draft->indexes, is_unique ? "; CREATE UNIQUE INDEX " : "; CREATE INDEX ");
    quote_name(&draft->indexes, index->name);
    quote_plain(&draft->indexes, " ON ");
    put_table(&draft->indexes, draft);
    quote_plain(&draft->indexes, tail);
    draft->needs_all_rows_at_once = draft->needs_all_rows_at_once || is_unique;
    draft->is_needed = true;
}

/* Unique keys that have no form, and whatever is computed and may fail. */
static bool is_doubtful(const struct draft *draft, const struct target_index *index)
{
    struct key key;

    if (!index->is_valid || index->is_exclusion)
        return false;
    if (index->has_expressions)
        return true;
    if (!index->is_unique)
        return index->is_partial && !plain_predicate_has(draft->table, index->definition);
    return !key_checks_index(&key, draft->table, index)
           && (index->is_partial || draft->table->row_count > 1);
}

static void want_column(struct draft *draft, size_t at)
{
    draft->is_wanted[at] = true;
    draft->is_needed = true;
}

static void doubt_columns(struct draft *draft)
{
    const struct target_table *target = draft->table->target;

    for (size_t i = 0; i < target->column_count; i++) {
        const struct target_column *column = &target->columns[i];

        if (column->generated != 0 && want_mentioned(draft, column->default_text))
            want_column(draft, i);
        else if (column->is_domain && loaded_column(draft->table, column) != NULL)
            want_column(draft, i);
    }
}

static void doubt_all(struct draft *draft)
{
    const struct target_table *target = draft->table->target;

    doubt_columns(draft);
    for (size_t i = 0; i < target->constraint_count; i++) {
        const struct target_constraint *constraint = &target->constraints[i];

        if ((is_made_by_exclusion(constraint) && !draft->is_delta)
            || (constraint->type == 'c' && constraint->is_enforced
                && !is_proven(draft, constraint)))
            add_constraint(draft, constraint);
    }
    for (size_t i = 0; i < target->index_count; i++)
        if (is_doubtful(draft, &target->indexes[i]))
            add_index(draft, &target->indexes[i], target->indexes[i].is_unique && !draft->is_delta);
}

/* --- SQL ------------------------------------------------------------------------------ */

static void put_column(struct byte_buffer *sql, const struct draft *draft, size_t at)
{
    const struct target_column *column = &draft->table->target->columns[at];

    quote_name(sql, column->name);
    quote_plain(sql, " ");
    quote_plain(sql, column->type_text);
    if (column->collation != NULL && strcmp(column->collation, "default") != 0) {
        quote_plain(sql, " COLLATE ");
        quote_qualified(sql, column->collation_schema, column->collation);
    }
    if (column->generated != 0) {
        quote_plain(sql, " GENERATED ALWAYS AS (");
        quote_plain(sql, column->default_text);
        quote_plain(sql, ") STORED"); /* also a virtual one: so it is computed */
    } else if (column->default_text != NULL && loaded_column(draft->table, column) == NULL) {
        quote_plain(sql, " DEFAULT ");
        quote_plain(sql, column->default_text);
    }
    quote_plain(sql, column->is_not_null ? " NOT NULL" : "");
}

static const char *create_sql(const struct draft *draft)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    const char *separator = " (";

    quote_plain(&sql, "CREATE TEMPORARY TABLE ");
    put_table(&sql, draft);
    for (size_t i = 0; i < draft->table->target->column_count; i++) {
        if (!draft->is_wanted[i])
            continue;
        quote_plain(&sql, separator);
        put_column(&sql, draft, i);
        separator = ", ";
    }
    quote_plain(&sql, ") ON COMMIT DROP");
    byte_buffer_put(&sql, draft->checks.data, draft->checks.size);
    return arena_copy(&draft->preflight->problems->arena, sql.data, sql.size);
}

/* The draft becomes a trial; the caller says which rows take part. NULL: nothing is needed. */
static struct trial *add_trial(struct trial_plan *plan, const struct draft *draft)
{
    struct trial *trial;

    if (!draft->is_needed)
        return NULL;
    plan->items = byte_buffer_realloc(plan->items, (plan->count + 1) * sizeof(*plan->items));
    trial = &plan->items[plan->count++];
    *trial = (struct trial){.preflight = draft->preflight,
        .table = draft->table,
        .create = create_sql(draft),
        .indexes = arena_copy(
            &draft->preflight->problems->arena, draft->indexes.data, draft->indexes.size),
        .needs_all_rows_at_once = draft->needs_all_rows_at_once};
    trial->columns = byte_buffer_calloc(draft->table->column_count + 1, sizeof(*trial->columns));
    for (size_t i = 0; i < draft->table->column_count; i++) {
        const struct copy_column *column = &draft->table->columns[i];

        if (draft->is_wanted[column->type.column - draft->table->target->columns])
            trial->columns[trial->column_count++] = *column;
    }
    if (trial->column_count == 0) { /* nothing of it comes from the dump */
        free(trial->columns);
        plan->count--;
        return NULL;
    }
    return trial;
}

/* --- the trials of a table ----------------------------------------------------------------- */

/* Text that the server has to read. */
static void try_opaque(struct trial_plan *plan, const struct preflight *preflight,
    struct plan_table *table, const struct copy_column *column)
{
    OWNED(draft) struct draft draft = draft_of(preflight, table);
    struct trial *trial;

    if (null_count_of(&draft, column) == table->row_count)
        return;
    want_column(&draft, (size_t)(column->type.column - table->target->columns));
    trial = add_trial(plan, &draft);
    if (trial != NULL)
        trial->opaque = column;
}

static uint64_t size_max_of(const struct draft *draft, const struct target_index *index)
{
    const struct table_end *end = &draft->preflight->input->reader->ends[draft->table->source];
    const char *tail = index_tail(index->definition);
    uint64_t size = 0;

    for (size_t i = 0; tail != NULL && i < draft->table->column_count; i++) {
        const struct copy_column *column = &draft->table->columns[i];
        const struct column_facts *facts = &end->facts[column->source];

        if (trial_plan_mentions(tail, column->type.column))
            size += 24
                    + (facts->text_size_max > facts->blob_size_max ? facts->text_size_max
                                                                   : facts->blob_size_max);
    }
    return size;
}

static void try_sizes(
    struct trial_plan *plan, const struct preflight *preflight, struct plan_table *table)
{
    for (size_t i = 0; i < table->target->index_count; i++) {
        const struct target_index *index = &table->target->indexes[i];
        OWNED(draft) struct draft draft = draft_of(preflight, table);
        struct trial *trial;

        if (!index->is_valid || index->is_exclusion || is_doubtful(&draft, index)
            || size_max_of(&draft, index) < TRIAL_PLAN_SIZE_MIN)
            continue;
        add_index(&draft, index, false);
        trial = add_trial(plan, &draft);
        if (trial == NULL)
            continue;
        trial->is_of_size = true;
        trial->index_name = index->name;
    }
}

static void try_table(
    struct trial_plan *plan, const struct preflight *preflight, struct plan_table *table)
{
    OWNED(draft) struct draft draft = draft_of(preflight, table);

    for (size_t i = 0; i < table->column_count; i++)
        if (table->columns[i].type.kind == TYPE_OTHER && !table->columns[i].type.column->is_domain)
            try_opaque(plan, preflight, table, &table->columns[i]);
    doubt_all(&draft);
    (void)add_trial(plan, &draft);
    try_sizes(plan, preflight, table);
}

void trial_plan_make(struct trial_plan *plan, const struct preflight *preflight)
{
    for (size_t i = 0; i < preflight->plan->table_count; i++) {
        struct plan_table *table = &preflight->plan->tables[i];

        if (table->action == PLAN_LOAD && table->column_count > 0
            && preflight->input->reader->block_count[table->source] > 0)
            try_table(plan, preflight, table);
    }
}

void trial_plan_release(struct trial_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        free(plan->items[i].columns);
    free(plan->items);
    *plan = (struct trial_plan){0};
}
