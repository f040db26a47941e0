#include "replay/delta/delta_references.h"

#include "base/owned.h"
#include "postgres/quote.h"
#include "replay/delta/delta_sql.h"

#include <stdlib.h>
#include <string.h>

/* --- which ------------------------------------------------------------------------ */

static bool is_changed(const struct delta_plan *plan, const struct target_table *table)
{
    for (size_t i = 0; i < plan->table_count; i++)
        if (plan->tables[i].table->target == table)
            return true;
    return false;
}

static bool is_taken(const struct ddl_plan *ddl, const struct target_constraint *key)
{
    for (size_t i = 0; i < ddl->object_count; i++)
        if (ddl->objects[i].phase == DDL_PHASE_FOREIGN
            && strcmp(ddl->objects[i].table, key->table->name) == 0
            && strcmp(ddl->objects[i].name, key->name) == 0)
            return true;
    return false;
}

/* Can it be told to wait, and does it not do so already? */
static bool can_wait(
    const struct delta_plan *plan, const struct ddl_plan *ddl, const struct target_constraint *key)
{
    return key->type == 'f' && !key->is_deferrable && !key->is_inherited && key->is_enforced
           && key->table->is_ours && key->table->kind == 'r' && !key->table->is_partition
           && (is_changed(plan, key->table) || is_changed(plan, key->referenced_table))
           && !is_taken(ddl, key);
}

/* --- down and up --------------------------------------------------------------------- */

static bool alter_all(const struct delta_plan *plan, const struct ddl_plan *ddl, const char *how,
    struct connection *connection, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    for (size_t i = 0; i < plan->catalog->table_count; i++) {
        const struct target_table *table = &plan->catalog->tables[i];

        for (size_t k = 0; k < table->constraint_count; k++) {
            if (!can_wait(plan, ddl, &table->constraints[k]))
                continue;
            quote_plain(&sql, "ALTER TABLE ");
            quote_qualified(&sql, table->schema, table->name);
            quote_plain(&sql, " ALTER CONSTRAINT ");
            quote_name(&sql, table->constraints[k].name);
            quote_plain(&sql, how);
        }
    }
    return sql.size == 0 || connection_exec(connection, quote_text(&sql), err);
}

static void plan_ddl(const struct delta_plan *plan, struct ddl_plan *ddl)
{
    struct ddl_request *requests = byte_buffer_calloc(plan->table_count + 1, sizeof(*requests));

    for (size_t i = 0; i < plan->table_count; i++)
        requests[i] = (struct ddl_request){
            .table = plan->tables[i].table->target,
            .foreign_keys = plan->tables[i].drops_foreign_keys,
            .triggers = true,
        };
    ddl_plan_make(ddl, plan->catalog, requests, plan->table_count);
    free(requests);
}

/* Foreign keys that act at once on what refers to this table are down, if they must be. */
static bool check_taken(const struct delta_plan *plan, const struct ddl_plan *ddl,
    const struct delta_table *table, struct error *err)
{
    const struct target_catalog *catalog = plan->catalog;

    for (size_t i = 0; table->drops_foreign_keys && i < catalog->table_count; i++)
        for (size_t k = 0; k < catalog->tables[i].constraint_count; k++) {
            const struct target_constraint *key = &catalog->tables[i].constraints[k];

            if (key->referenced_table == table->table->target && delta_plan_is_immediate(key)
                && !is_taken(ddl, key))
                return error_set(err, ERROR_REFUSED,
                    "table \"%s\": foreign key \"%s\" of table \"%s\" would have to be dropped for "
                    "the while, which is not possible; drop it, and add it again afterwards",
                    table->table->name, key->name, key->table->name);
        }
    for (size_t i = 0; i < catalog->foreign_reference_count; i++)
        if (catalog->foreign_references[i].referenced_table == table->table->target
            && (table->removed_count > 0 || table->mode == DELTA_WHOLE))
            return error_set(err, ERROR_REFUSED,
                "table \"%s\": \"%s\".\"%s\" of another schema refers to it (\"%s\"); drop that "
                "foreign key, and add it again afterwards",
                table->table->name, catalog->foreign_references[i].schema,
                catalog->foreign_references[i].table, catalog->foreign_references[i].constraint);
    return true;
}

bool delta_references_defer(const struct delta_plan *plan, struct ddl_plan *ddl,
    struct connection *connection, struct error *err)
{
    plan_ddl(plan, ddl);
    for (size_t i = 0; i < plan->table_count; i++)
        if (!check_taken(plan, ddl, &plan->tables[i], err))
            return false;
    return ddl_take_down(ddl, connection, err)
           && alter_all(plan, ddl, " DEFERRABLE INITIALLY DEFERRED;", connection, err)
           && connection_exec(connection, "SET CONSTRAINTS ALL DEFERRED", err);
}

static bool restore(
    const struct ddl_object *object, struct connection *connection, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (!connection_query(connection, object->exists, NULL, &rows, err))
        return false;
    return connection_rows_boolean(&rows, 0, 0) || connection_exec(connection, object->restore, err)
           || error_wrap(
               err, "%s \"%s\" of table \"%s\"", object->kind, object->name, object->table);
}

bool delta_references_settle(const struct delta_plan *plan, const struct ddl_plan *ddl,
    struct connection *connection, struct error *err)
{
    if (!connection_exec(connection, "SET CONSTRAINTS ALL IMMEDIATE", err)
        || !alter_all(plan, ddl, " NOT DEFERRABLE;", connection, err))
        return false;
    for (int phase = 0; phase < DDL_PHASE_COUNT; phase++)
        for (size_t i = 0; i < ddl->object_count; i++)
            if (ddl->objects[i].phase == (enum ddl_phase)phase
                && !restore(&ddl->objects[i], connection, err))
                return false;
    return true;
}

/* --- rows that would be taken along ----------------------------------------------------- */

/* Rows that refer to one that is removed and not added again. */
static void put_referring(
    struct byte_buffer *sql, const struct delta_table *table, const struct target_constraint *key)
{
    quote_plain(sql, "SELECT ");
    delta_sql_describe(sql, table, "r");
    quote_plain(sql, " FROM ");
    quote_plain(sql, table->removed);
    quote_plain(sql, " AS r JOIN ");
    delta_sql_target(sql, table->table->target);
    quote_plain(sql, " AS t ON ");
    delta_sql_key_match(sql, table, "t", "r");
    quote_plain(sql, " JOIN ");
    quote_qualified(sql, key->table->schema, key->table->name);
    quote_plain(sql, " AS c ON ");
    for (size_t i = 0; i < key->column_count; i++) {
        quote_plain(sql, i == 0 ? "c." : " AND c.");
        quote_name(sql, key->columns[i]->name);
        quote_plain(sql, " = t.");
        quote_name(sql, key->referenced_columns[i]->name);
    }
    quote_plain(sql, " WHERE NOT EXISTS (SELECT 1 FROM ");
    quote_plain(sql, table->added);
    quote_plain(sql, " AS a WHERE ");
    delta_sql_key_match(sql, table, "a", "r");
    quote_plain(sql, ") LIMIT 1");
}

static bool check_key(const struct delta_table *table, const struct target_constraint *key,
    struct connection *connection, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    OWNED(connection_rows) struct connection_rows rows = {0};

    put_referring(&sql, table, key);
    if (!connection_query_texts(connection, quote_text(&sql), &table->values, &rows, err))
        return false;
    if (rows.row_count == 0)
        return true;
    return error_set(err, ERROR_REFUSED,
        "row %s is to be removed, but rows of table \"%s\" that stay refer to it (foreign key "
        "\"%s\"); remove them in the target",
        connection_rows_text(&rows, 0, 0), key->table->name, key->name);
}

bool delta_references_check(const struct delta_plan *plan, const struct delta_table *table,
    struct connection *connection, struct error *err)
{
    const struct target_catalog *catalog = plan->catalog;

    if (table->mode != DELTA_UPDATE || table->drops_foreign_keys || table->removed_count == 0)
        return true;
    for (size_t i = 0; i < catalog->table_count; i++)
        for (size_t k = 0; k < catalog->tables[i].constraint_count; k++) {
            const struct target_constraint *key = &catalog->tables[i].constraints[k];

            if (key->referenced_table == table->table->target && delta_plan_is_immediate(key)
                && !check_key(table, key, connection, err))
                return false;
        }
    return true;
}
