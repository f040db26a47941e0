#include "replay/preflight/trial_foreign.h"

#include "base/owned.h"
#include "postgres/connection_transaction.h"
#include "postgres/quote.h"
#include "replay/preflight/key_checks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SQLSTATE_FOREIGN_KEY "23503"

/* The columns of a key; false when one of them is not loaded. */
static bool take_columns(
    struct trial *trial, const struct target_column *const *columns, size_t count)
{
    const struct plan_table *table = trial->table;

    trial->columns = byte_buffer_calloc(count + 1, sizeof(*trial->columns));
    for (trial->column_count = 0; trial->column_count < count; trial->column_count++) {
        const struct copy_column *found = NULL;

        for (size_t i = 0; columns != NULL && i < table->column_count; i++)
            if (table->columns[i].type.column == columns[trial->column_count])
                found = &table->columns[i];
        if (found == NULL)
            return false;
        trial->columns[trial->column_count] = *found;
    }
    return true;
}

bool trial_foreign_make(struct trial_foreign *foreign, const struct preflight *preflight,
    struct plan_table *table, const struct target_constraint *constraint)
{
    struct plan_table *parent = key_checks_planned(preflight->plan, constraint->referenced_table);
    size_t count = constraint->column_count;
    struct key keys[2];

    *foreign = (struct trial_foreign){.constraint = constraint};
    if (!key_checks_is_foreign(table, preflight->input->reader, constraint)
        || key_checks_foreign(&keys[0], &keys[1], table, parent, constraint)
        || (parent != NULL && (parent->action == PLAN_DERIVE || parent->action == PLAN_SAME)))
        return false;
    foreign->child = (struct trial){.preflight = preflight, .table = table};
    foreign->parent = (struct trial){.preflight = preflight};
    if (parent != NULL && (parent->action == PLAN_LOAD || parent->action == PLAN_EMPTY))
        foreign->parent.table = parent;
    foreign->child.rejects = parent != NULL && parent->rejects.count > 0;
    return take_columns(&foreign->child, constraint->columns, count)
           && (foreign->parent.table == NULL || parent->action == PLAN_EMPTY
               || take_columns(&foreign->parent, constraint->referenced_columns, count));
}

void trial_foreign_release(struct trial_foreign *foreign)
{
    free(foreign->child.columns);
    free(foreign->parent.columns);
    *foreign = (struct trial_foreign){0};
}

/* "id, b" of "... REFERENCES other.p(id, b) ...", as the server writes it. */
static const char *referenced_names(const struct trial_foreign *foreign)
{
    static const char mark[] = " REFERENCES ";
    bool is_quoted = false;
    const char *begin = NULL;
    const char *from = NULL;

    for (const char *at = foreign->constraint->definition; *at != '\0'; at++) {
        if (*at == '"')
            is_quoted = !is_quoted;
        else if (!is_quoted && strncmp(at, mark, strlen(mark)) == 0)
            from = at;
        else if (!is_quoted && from != NULL && *at == '(')
            begin = at + 1;
        else if (!is_quoted && begin != NULL && *at == ')')
            return arena_copy(
                &foreign->child.preflight->problems->arena, begin, (size_t)(at - begin));
    }
    return NULL;
}

/* "(SELECT id, b FROM other.p) AS p (c0, c1)": the target's rows, by the stage's names. */
static void put_target_rows(
    struct byte_buffer *sql, const struct trial_foreign *foreign, const char *names)
{
    char name[32];

    quote_plain(sql, "(SELECT ");
    quote_plain(sql, names);
    quote_plain(sql, " FROM ");
    quote_qualified(
        sql, foreign->constraint->referenced_schema, foreign->constraint->referenced_name);
    quote_plain(sql, ") AS p (");
    for (size_t i = 0; i < foreign->constraint->column_count; i++) {
        snprintf(name, sizeof(name), i == 0 ? "c%zu" : ", c%zu", i);
        quote_plain(sql, name);
    }
    quote_plain(sql, ")");
}

/* The operators, one a column, by which the server itself compares. */
static bool read_operators(
    const struct trial_foreign *foreign, struct connection_rows *operators, struct error *err)
{
    static const char sql[] =
        "SELECT format(' OPERATOR(%%I.%%s) ', n.nspname, o.oprname)"
        " FROM pg_constraint AS k, unnest(k.conpfeqop) WITH ORDINALITY AS e (oid, place)"
        " JOIN pg_operator AS o ON o.oid = e.oid JOIN pg_namespace AS n ON n.oid = o.oprnamespace"
        " WHERE k.conrelid = %" PRIu32 " AND k.conname = $1 ORDER BY e.place";
    const struct connection_values values = {&foreign->constraint->name, 1};
    struct arena *arena = &foreign->child.preflight->problems->arena;

    if (!connection_query(foreign->child.preflight->connection,
            arena_format(arena, sql, foreign->child.table->target->oid), &values, operators, err))
        return false;
    return operators->row_count == foreign->constraint->column_count
           || error_set(err, ERROR_DATABASE, "the foreign key \"%s\" is gone meanwhile",
               foreign->constraint->name);
}

/* The collation of what is referred to decides. */
static void put_staged_parent(struct byte_buffer *sql, const struct trial *parent, size_t i)
{
    const struct target_column *column = parent->columns[i].type.column;

    trial_put_staged(sql, parent, "p", i);
    if (column->has_loose_collation) {
        quote_plain(sql, " COLLATE ");
        quote_qualified(sql, column->collation_schema, column->collation);
    }
}

static void put_match(struct byte_buffer *sql, const struct trial_foreign *foreign,
    const struct connection_rows *operators, size_t i)
{
    char name[32];

    snprintf(name, sizeof(name), "p.c%zu", i);
    if (foreign->parent.columns == NULL)
        quote_plain(sql, name);
    else
        put_staged_parent(sql, &foreign->parent, i);
    quote_plain(sql, connection_rows_text(operators, i, 0));
    trial_put_staged(sql, &foreign->child, "s", i);
}

static void put_query(struct byte_buffer *sql, const struct trial_foreign *foreign,
    const struct connection_rows *operators, const char *names)
{
    size_t count = foreign->constraint->column_count;

    quote_plain(sql, "SELECT s.valise_row FROM pg_temp.valise_child AS s WHERE ");
    for (size_t i = 0; i < count; i++) {
        quote_plain(sql, i == 0 ? "" : " AND ");
        trial_put_staged(sql, &foreign->child, "s", i);
        quote_plain(sql, " IS NOT NULL");
    }
    if (foreign->parent.table == NULL || foreign->parent.columns != NULL) {
        quote_plain(sql, " AND NOT EXISTS (SELECT 1 FROM ");
        if (foreign->parent.columns != NULL)
            quote_plain(sql, "pg_temp.valise_parent AS p");
        else
            put_target_rows(sql, foreign, names);
        for (size_t i = 0; i < count; i++) {
            quote_plain(sql, i == 0 ? " WHERE " : " AND ");
            put_match(sql, foreign, operators, i);
        }
        quote_plain(sql, ")");
    }
    quote_plain(sql, " ORDER BY 1");
}

static bool ask(const struct trial_foreign *foreign, const char *names,
    struct connection_rows *rows, struct error *err)
{
    OWNED(connection_transaction) struct connection_transaction transaction = {0};
    OWNED(connection_rows) struct connection_rows operators = {0};
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    struct connection *connection = foreign->child.preflight->connection;

    if (!read_operators(foreign, &operators, err))
        return false;
    put_query(&sql, foreign, &operators, names);
    return connection_transaction_begin(&transaction, connection, NULL, err)
           && trial_stage(&foreign->child, "valise_child", err)
           && (foreign->parent.columns == NULL
               || trial_stage(&foreign->parent, "valise_parent", err))
           && connection_query(connection, quote_text(&sql), NULL, rows, err);
}

bool trial_foreign_run(
    const struct trial_foreign *foreign, struct trial_result *result, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};
    struct arena *arena = &foreign->child.preflight->problems->arena;
    const char *names = referenced_names(foreign);
    const char *message;

    if (names == NULL)
        return true; /* a definition of another shape shows while loading */
    if (!ask(foreign, names, &rows, err)) {
        if (!trial_is_verdict(&foreign->child, err))
            return error_wrap(err, "table \"%s\", tried beforehand", foreign->child.table->name);
        result->failure = arena_text(arena, err->text);
        result->lacks_name = trial_lacks_name(foreign->child.preflight->connection->sqlstate);
        return true;
    }
    message = arena_format(arena, "it refers to no row of \"%s\" (foreign key \"%s\")",
        foreign->constraint->referenced_name, foreign->constraint->name);
    result->items = byte_buffer_calloc(rows.row_count + 1, sizeof(*result->items));
    for (size_t i = 0; i < rows.row_count; i++)
        result->items[result->count++] =
            (struct trial_refusal){.row = (uint64_t)connection_rows_integer(&rows, i, 0),
                .sqlstate = SQLSTATE_FOREIGN_KEY,
                .constraint = foreign->constraint->name,
                .message = message};
    return true;
}
