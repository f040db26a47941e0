#include "replay/ledger_undo.h"

#include "base/owned.h"
#include "replay/connection_transaction.h"
#include "replay/quote.h"

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

/* Foreign keys that came back already stand in the way of TRUNCATE: what exists goes first. */
static bool drop_again(
    const struct ledger *ledger, struct connection *connection, struct error *err)
{
    for (size_t i = 0; i < ledger->object_count; i++) {
        const struct ddl_object *object = &ledger->objects[i];
        OWNED(connection_rows) struct connection_rows rows = {0};

        if (object->drop[0] == '\0' || object->phase != DDL_PHASE_FOREIGN)
            continue;
        if (!connection_query(connection, object->exists, NULL, &rows, err))
            return false;
        if (connection_rows_boolean(&rows, 0, 0) && !connection_exec(connection, object->drop, err))
            return error_wrap(err, "%s \"%s\"", object->kind, object->name);
    }
    return true;
}

static bool empty_tables(
    const struct connection_rows *tables, struct connection *connection, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    if (tables->row_count == 0)
        return true;
    quote_plain(&sql, "TRUNCATE ONLY ");
    for (size_t i = 0; i < tables->row_count; i++) {
        quote_plain(&sql, i == 0 ? "" : ", ONLY ");
        quote_qualified(
            &sql, connection_rows_text(tables, i, 0), connection_rows_text(tables, i, 1));
    }
    return connection_exec(connection, quote_text(&sql), err);
}

/* The rows that the tables had before; identity columns take them as they are. */
static bool return_rows(
    const struct connection_rows *tables, struct connection *connection, struct error *err)
{
    for (size_t i = 0; i < tables->row_count; i++) {
        OWNED(byte_buffer) struct byte_buffer sql = {0};
        const char *copy_name = connection_rows_text(tables, i, 2);

        if (copy_name == NULL)
            continue;
        quote_plain(&sql, "INSERT INTO ");
        quote_qualified(
            &sql, connection_rows_text(tables, i, 0), connection_rows_text(tables, i, 1));
        quote_plain(&sql, connection->version_num >= 100000 ? " OVERRIDING SYSTEM VALUE" : "");
        quote_plain(&sql, " SELECT * FROM ");
        quote_qualified(&sql, "valise", copy_name);
        quote_plain(&sql, "; DROP TABLE ");
        quote_qualified(&sql, "valise", copy_name);
        if (!connection_exec(connection, quote_text(&sql), err))
            return error_wrap(err, "table \"%s\"", connection_rows_text(tables, i, 1));
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
    char sql[600];
    int64_t id = ledger->replay.id;

    if (!connection_query(connection, "SELECT count(*) FROM valise.replay", NULL, &rows, err))
        return false;
    if (connection_rows_integer(&rows, 0, 0) == 1)
        return connection_exec(connection,
            "DROP TABLE valise.saved_sequence, valise.saved_table, valise.saved_ddl, valise.part,"
            " valise.replay, valise.ledger; DROP SCHEMA valise",
            err);
    snprintf(sql, sizeof(sql),
        "DELETE FROM valise.saved_sequence WHERE replay = %" PRId64
        "; DELETE FROM valise.saved_table WHERE replay = %" PRId64
        "; DELETE FROM valise.saved_ddl WHERE replay = %" PRId64
        "; DELETE FROM valise.part WHERE replay = %" PRId64
        "; DELETE FROM valise.replay WHERE id = %" PRId64,
        id, id, id, id, id);
    return connection_exec(connection, sql, err);
}

bool ledger_undo(struct ledger *ledger, struct connection *connection, struct error *err)
{
    OWNED(connection_transaction) struct connection_transaction transaction = {0};
    OWNED(connection_rows) struct connection_rows tables = {0};

    if (!connection_transaction_begin(&transaction, connection, NULL, err)
        || !connection_exec(connection, "SET LOCAL synchronous_commit = on", err)
        || !query_saved(ledger, connection,
            "SELECT schema_name, table_name, copy_name FROM valise.saved_table WHERE replay = $1"
            " ORDER BY schema_name, table_name",
            &tables, err)
        || !drop_again(ledger, connection, err) || !empty_tables(&tables, connection, err)
        || !return_rows(&tables, connection, err) || !restore_ddl(ledger, connection, err)
        || !return_sequences(ledger, connection, err) || !forget(ledger, connection, err)
        || !connection_transaction_commit(&transaction, err))
        return error_wrap(err, "cannot undo the replay");
    ledger_release(ledger);
    return true;
}
