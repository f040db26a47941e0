#include "replay/ledger/ledger_undo.h"

#include "base/owned.h"
#include "postgres/connection_transaction.h"
#include "postgres/quote.h"
#include "replay/ledger/ledger_plan.h"
#include "replay/ledger/mapping.h"

#include <inttypes.h>
#include <stdio.h>

static bool query_saved(const struct ledger *ledger, struct connection *connection, const char *sql,
    struct connection_rows *rows, struct error *err)
{
    char id[24];
    const char *items[] = {id};

    snprintf(id, sizeof(id), "%" PRId64, ledger->replay.id);
    return connection_query(
        connection, sql, &(struct connection_values){.items = items, .count = 1}, rows, err);
}

/* What came back already would stand in the way of TRUNCATE, or fire when the rows return. */
static bool drop_again(
    const struct ledger *ledger, struct connection *connection, struct error *err)
{
    for (size_t i = 0; i < ledger->object_count; i++)
        if (!ddl_take_down_again(&ledger->objects[i], connection, err))
            return false;
    return true;
}

/* What the replay writes. Of other tables only foreign keys that stay still refer to them. */
static const char tables_sql[] =
    "WITH saved AS (SELECT schema_name, table_name, copy_name,"
    "  to_regclass(format('%I.%I', schema_name, table_name))::oid AS oid"
    "  FROM valise.saved_table WHERE replay = $1)"
    " SELECT schema_name, table_name, copy_name,"
    " EXISTS (SELECT 1 FROM pg_catalog.pg_class AS c WHERE c.relkind = 'p' AND c.oid = s.oid),"
    " EXISTS (SELECT 1 FROM pg_catalog.pg_constraint AS k WHERE k.contype = 'f'"
    "  AND k.confrelid = s.oid AND k.conrelid NOT IN (SELECT oid FROM saved WHERE oid IS NOT NULL))"
    " FROM saved AS s ORDER BY schema_name, table_name";

static void put_table(struct byte_buffer *sql, const struct connection_rows *tables, size_t row)
{
    quote_plain(sql, connection_rows_boolean(tables, row, 3) ? "" : "ONLY ");
    quote_qualified(
        sql, connection_rows_text(tables, row, 0), connection_rows_text(tables, row, 1));
}

/* Tables that others refer to cannot be truncated, even if those are empty. */
static bool empty_tables(
    const struct connection_rows *tables, struct connection *connection, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    for (size_t i = 0; i < tables->row_count; i++) {
        if (connection_rows_boolean(tables, i, 4))
            continue;
        quote_plain(&sql, sql.size == 0 ? "TRUNCATE " : ", ");
        put_table(&sql, tables, i);
    }
    for (size_t i = 0; i < tables->row_count; i++) {
        if (!connection_rows_boolean(tables, i, 4))
            continue;
        quote_plain(&sql, sql.size == 0 ? "DELETE FROM " : "; DELETE FROM ");
        put_table(&sql, tables, i);
    }
    return sql.size == 0 || connection_exec(connection, quote_text(&sql), err);
}

/* The columns of a copy: those that can be written. NULL when there are none. */
static bool list_columns(struct connection *connection, const char *copy_name,
    struct connection_rows *rows, struct error *err)
{
    return connection_query(connection,
        "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_catalog.pg_attribute"
        " WHERE attrelid = ('valise.' || quote_ident($1))::regclass AND attnum > 0",
        &(struct connection_values){.items = &copy_name, .count = 1}, rows, err);
}

/* Identity columns take their values as they are. */
static bool return_rows_of(struct connection *connection, const char *schema, const char *name,
    const char *copy_name, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    OWNED(connection_rows) struct connection_rows rows = {0};
    const char *columns;

    if (!list_columns(connection, copy_name, &rows, err))
        return false;
    columns = connection_rows_text(&rows, 0, 0);
    quote_plain(&sql, "INSERT INTO ");
    quote_qualified(&sql, schema, name);
    if (columns != NULL) {
        quote_plain(&sql, " (");
        quote_plain(&sql, columns);
        quote_plain(&sql, ")");
    }
    quote_plain(&sql, connection->version_num >= 100000 ? " OVERRIDING SYSTEM VALUE" : "");
    quote_plain(&sql, " SELECT ");
    quote_plain(&sql, columns == NULL ? "" : columns);
    quote_plain(&sql, " FROM ");
    quote_qualified(&sql, "valise", copy_name);
    quote_plain(&sql, "; DROP TABLE ");
    quote_qualified(&sql, "valise", copy_name);
    return connection_exec(connection, quote_text(&sql), err);
}

/* The rows that the tables had before. */
static bool return_rows(
    const struct connection_rows *tables, struct connection *connection, struct error *err)
{
    for (size_t i = 0; i < tables->row_count; i++) {
        const char *name = connection_rows_text(tables, i, 1);
        const char *copy_name = connection_rows_text(tables, i, 2);

        if (copy_name != NULL
            && !return_rows_of(
                connection, connection_rows_text(tables, i, 0), name, copy_name, err))
            return error_wrap(err, "table \"%s\"", name);
    }
    return true;
}

static bool restore_ddl(
    const struct ledger *ledger, struct connection *connection, struct error *err)
{
    for (int phase = 0; phase < DDL_PHASE_COUNT; phase++) {
        for (size_t i = 0; i < ledger->object_count; i++) {
            const struct ddl_object *object = &ledger->objects[i];
            OWNED(connection_rows) struct connection_rows rows = {0};

            if (object->phase != (enum ddl_phase)phase)
                continue;
            if (!connection_query(connection, object->exists, NULL, &rows, err))
                return false;
            if (!connection_rows_boolean(&rows, 0, 0)
                && !connection_exec(connection, object->restore, err))
                return error_wrap(err, "%s \"%s\"", object->kind, object->name);
        }
    }
    return true;
}

static bool return_sequences(
    const struct ledger *ledger, struct connection *connection, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};

    return query_saved(ledger, connection,
        "SELECT setval((quote_ident(schema_name) || '.' || quote_ident(name))::regclass,"
        " last_value, is_called) FROM valise.saved_sequence WHERE replay = $1",
        &rows, err);
}

/* Records of finished replays stay; without any, the schema goes. */
static bool forget(const struct ledger *ledger, struct connection *connection, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};
    char sql[700];
    int64_t id = ledger->replay.id;

    if (!connection_query(connection, "SELECT count(*) FROM valise.replay", NULL, &rows, err))
        return false;
    if (connection_rows_integer(&rows, 0, 0) == 1)
        return connection_exec(connection,
            "DROP TABLE IF EXISTS valise.plan, valise.staging, valise.table_state, valise.mapping;"
            "DROP TABLE valise.saved_sequence, valise.saved_table, valise.saved_ddl, valise.part,"
            " valise.rejects,"
            " valise.replay, valise.ledger; DROP SCHEMA valise",
            err);
    snprintf(sql, sizeof(sql),
        "DELETE FROM valise.saved_sequence WHERE replay = %" PRId64
        "; DELETE FROM valise.saved_table WHERE replay = %" PRId64
        "; DELETE FROM valise.saved_ddl WHERE replay = %" PRId64
        "; DELETE FROM valise.part WHERE replay = %" PRId64
        "; DELETE FROM valise.rejects WHERE replay = %" PRId64
        "; DELETE FROM valise.replay WHERE id = %" PRId64,
        id, id, id, id, id, id);
    return ledger_plan_forget(ledger, connection, err)
           && mapping_forget(ledger, false, connection, err)
           && connection_exec(connection, sql, err);
}

/* Citus refuses to empty several distributed tables and to change them in one transaction, unless
   it does everything on one session for each node. */
static bool keep_citus_in_order(struct connection *connection, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};

    return connection_query(connection,
        "SELECT set_config('citus.multi_shard_modify_mode', 'sequential', true)"
        " FROM pg_catalog.pg_extension WHERE extname = 'citus'",
        NULL, &rows, err);
}

bool ledger_undo(struct ledger *ledger, struct connection *connection, struct error *err)
{
    OWNED(connection_transaction) struct connection_transaction transaction = {0};
    OWNED(connection_rows) struct connection_rows tables = {0};

    if (!connection_transaction_begin(&transaction, connection, NULL, err)
        || !connection_exec(connection, "SET LOCAL synchronous_commit = on", err)
        || !keep_citus_in_order(connection, err) || !drop_again(ledger, connection, err)
        || !query_saved(ledger, connection, tables_sql, &tables, err)
        || !empty_tables(&tables, connection, err) || !return_rows(&tables, connection, err)
        || !restore_ddl(ledger, connection, err) || !return_sequences(ledger, connection, err)
        || !forget(ledger, connection, err) || !connection_transaction_commit(&transaction, err))
        return error_wrap(err, "the replay is not undone (--abort again does it)");
    ledger_release(ledger);
    return true;
}

bool ledger_undo_told(struct ledger *ledger, struct connection *connection, struct byte_buffer *out,
    struct error *err)
{
    if (ledger->replay.phase == LEDGER_PHASE_NONE || ledger->replay.phase == LEDGER_PHASE_DONE) {
        quote_plain(out, "There is no unfinished replay.\n");
        return true;
    }
    if (!ledger_undo(ledger, connection, err))
        return false;
    quote_plain(out, "The unfinished replay is undone; the target is as it was before.\n");
    return true;
}
