#include "replay/ledger/ledger.h"

#include "base/owned.h"
#include "postgres/connection_transaction.h"
#include "postgres/quote.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRUNCATE_SIZE_MIN ((int64_t)1 << 20) /* bytes of a table */

static const char *const phase_names[LEDGER_PHASE_COUNT] = {
    [LEDGER_PHASE_NONE] = "none",
    [LEDGER_PHASE_LOAD] = "load",
    [LEDGER_PHASE_RESTORE] = "restore",
    [LEDGER_PHASE_VERIFY] = "verify",
    [LEDGER_PHASE_DONE] = "done",
};

static const char create_sql[] =
    "CREATE SCHEMA IF NOT EXISTS valise;"
    "CREATE TABLE IF NOT EXISTS valise.ledger (version integer NOT NULL);"
    "INSERT INTO valise.ledger SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM valise.ledger);"
    "CREATE TABLE IF NOT EXISTS valise.replay ("
    " id bigserial PRIMARY KEY, state text NOT NULL, dump text NOT NULL, phase text NOT NULL,"
    " from_state text,"
    " started timestamptz NOT NULL DEFAULT clock_timestamp(), finished timestamptz);"
    "CREATE TABLE IF NOT EXISTS valise.part ("
    " replay bigint NOT NULL, table_name text NOT NULL, number bigint NOT NULL,"
    " row_count bigint NOT NULL, sum_low bigint NOT NULL, sum_high bigint NOT NULL,"
    " PRIMARY KEY (replay, table_name, number));"
    "CREATE TABLE IF NOT EXISTS valise.rejects ("
    " id bigserial PRIMARY KEY, replay bigint NOT NULL, table_name text NOT NULL,"
    " reason text NOT NULL, row_bytes bytea NOT NULL, row_json json NOT NULL, repair json);"
    "CREATE TABLE IF NOT EXISTS valise.saved_ddl ("
    " replay bigint NOT NULL, position bigint NOT NULL, phase integer NOT NULL,"
    " kind text NOT NULL, schema_name text NOT NULL, table_name text NOT NULL, name text NOT NULL,"
    " drop_sql text NOT NULL, restore_sql text NOT NULL, exists_sql text NOT NULL,"
    " PRIMARY KEY (replay, position));"
    "CREATE TABLE IF NOT EXISTS valise.saved_table ("
    " replay bigint NOT NULL, schema_name text NOT NULL, table_name text NOT NULL, copy_name text,"
    " PRIMARY KEY (replay, schema_name, table_name));"
    "CREATE TABLE IF NOT EXISTS valise.saved_sequence ("
    " replay bigint NOT NULL, schema_name text NOT NULL, name text NOT NULL,"
    " last_value bigint NOT NULL, is_called boolean NOT NULL,"
    " PRIMARY KEY (replay, schema_name, name));";

void ledger_release(struct ledger *ledger)
{
    arena_release(&ledger->arena);
    *ledger = (struct ledger){0};
}

const char *ledger_phase_name(enum ledger_phase phase)
{
    return phase_names[phase];
}

/* --- reading --------------------------------------------------------------------- */

static const char *copy_text(
    struct ledger *ledger, const struct connection_rows *rows, size_t row, size_t column)
{
    const char *text = connection_rows_text(rows, row, column);

    return text == NULL ? NULL : arena_text(&ledger->arena, text);
}

static bool read_replay(struct ledger *ledger, struct connection *connection, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};
    struct ledger_replay *replay = &ledger->replay;

    if (!connection_query(connection,
            "SELECT id, state, dump, phase, started::timestamp(0), finished::timestamp(0)"
            " FROM valise.replay ORDER BY id DESC LIMIT 1",
            NULL, &rows, err))
        return false;
    if (rows.row_count == 0)
        return true;
    replay->id = connection_rows_integer(&rows, 0, 0);
    snprintf(replay->state, sizeof(replay->state), "%s", connection_rows_text(&rows, 0, 1));
    replay->dump = copy_text(ledger, &rows, 0, 2);
    replay->started = copy_text(ledger, &rows, 0, 4);
    replay->finished = copy_text(ledger, &rows, 0, 5);
    for (int phase = LEDGER_PHASE_LOAD; phase < LEDGER_PHASE_COUNT; phase++)
        if (strcmp(phase_names[phase], connection_rows_text(&rows, 0, 3)) == 0)
            replay->phase = (enum ledger_phase)phase;
    if (replay->phase == LEDGER_PHASE_NONE)
        return error_set(err, ERROR_UNSUPPORTED,
            "the ledger (schema \"valise\") has a phase \"%s\", which this version does not know",
            connection_rows_text(&rows, 0, 3));
    return true;
}

static bool query_of_replay(const struct ledger *ledger, struct connection *connection,
    const char *sql, struct connection_rows *rows, struct error *err)
{
    char id[24];
    const char *items[] = {id};

    snprintf(id, sizeof(id), "%" PRId64, ledger->replay.id);
    return connection_query(
        connection, sql, &(struct connection_values){.items = items, .count = 1}, rows, err);
}

static bool read_parts(struct ledger *ledger, struct connection *connection, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};
    struct ledger_part *parts;

    if (!query_of_replay(ledger, connection,
            "SELECT table_name, number, row_count, sum_low, sum_high FROM valise.part"
            " WHERE replay = $1 ORDER BY table_name COLLATE \"C\", number",
            &rows, err))
        return false;
    parts = arena_alloc(&ledger->arena, rows.row_count + 1, sizeof(*parts));
    for (size_t i = 0; i < rows.row_count; i++)
        parts[i] = (struct ledger_part){
            .table = copy_text(ledger, &rows, i, 0),
            .number = (uint32_t)connection_rows_integer(&rows, i, 1),
            .row_count = (uint64_t)connection_rows_integer(&rows, i, 2),
            .sum = {.low = (uint64_t)connection_rows_integer(&rows, i, 3),
                .high = (uint64_t)connection_rows_integer(&rows, i, 4)},
        };
    ledger->parts = parts;
    ledger->part_count = rows.row_count;
    return true;
}

static bool read_objects(struct ledger *ledger, struct connection *connection, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};
    struct ddl_object *objects;

    if (!query_of_replay(ledger, connection,
            "SELECT phase, kind, schema_name, table_name, name, drop_sql, restore_sql, exists_sql"
            " FROM valise.saved_ddl WHERE replay = $1 ORDER BY position",
            &rows, err))
        return false;
    objects = arena_alloc(&ledger->arena, rows.row_count + 1, sizeof(*objects));
    for (size_t i = 0; i < rows.row_count; i++)
        objects[i] = (struct ddl_object){
            .phase = (enum ddl_phase)connection_rows_integer(&rows, i, 0),
            .kind = copy_text(ledger, &rows, i, 1),
            .schema = copy_text(ledger, &rows, i, 2),
            .table = copy_text(ledger, &rows, i, 3),
            .name = copy_text(ledger, &rows, i, 4),
            .drop = copy_text(ledger, &rows, i, 5),
            .restore = copy_text(ledger, &rows, i, 6),
            .exists = copy_text(ledger, &rows, i, 7),
        };
    ledger->objects = objects;
    ledger->object_count = rows.row_count;
    return true;
}

/* The schema "valise": is it there, a ledger, and whose; what is missing of it? */
static const char schema_sql[] =
    "SELECT c.oid IS NOT NULL, pg_get_userbyid(n.nspowner), has_schema_privilege(n.oid, 'USAGE')"
    " AND coalesce(has_table_privilege(c.oid, 'SELECT'), true), current_user,"
    " (SELECT string_agg(quote_ident(name), ', ') FROM unnest(ARRAY['replay', 'part', 'rejects',"
    "  'saved_ddl', 'saved_table', 'saved_sequence']) AS name WHERE NOT EXISTS (SELECT 1"
    "  FROM pg_class AS t WHERE t.relnamespace = n.oid AND t.relname = name AND t.relkind = 'r'))"
    " FROM pg_namespace AS n LEFT JOIN pg_class AS c"
    " ON c.relnamespace = n.oid AND c.relname = 'ledger' WHERE n.nspname = 'valise'";

static bool find_schema(struct connection *connection, bool *exists, struct error *err)
{
    OWNED(connection_rows) struct connection_rows found = {0};

    *exists = false;
    if (!connection_query(connection, schema_sql, NULL, &found, err))
        return false;
    if (found.row_count == 0)
        return true;
    if (!connection_rows_boolean(&found, 0, 0))
        return error_set(err, ERROR_REFUSED,
            "the target has a schema \"valise\" that is no ledger of this program; rename it");
    *exists = true;
    if (connection_rows_text(&found, 0, 4) != NULL)
        return error_set(err, ERROR_REFUSED,
            "the ledger (schema \"valise\") of the target is damaged, it lacks %s: nobody knows any "
            "more what was replayed; replay into a new database",
            connection_rows_text(&found, 0, 4));
    return connection_rows_boolean(&found, 0, 2)
           || error_set(err, ERROR_REFUSED,
               "the ledger (schema \"valise\") belongs to \"%s\", which replayed before, and "
               "\"%s\" may not read it; connect as that role, or GRANT it TO the other",
               connection_rows_text(&found, 0, 1), connection_rows_text(&found, 0, 3));
}

static bool read_version(struct connection *connection, bool *exists, struct error *err)
{
    OWNED(connection_rows) struct connection_rows version = {0};

    if (!find_schema(connection, exists, err))
        return false;
    if (!*exists)
        return true;
    if (!connection_query(connection, "SELECT version FROM valise.ledger", NULL, &version, err))
        return false;
    if (version.row_count != 1)
        return error_set(err, ERROR_REFUSED,
            "the ledger (schema \"valise\") of the target is damaged: its table \"ledger\" has "
            "%zu rows, expected 1; replay into a new database",
            version.row_count);
    if (connection_rows_integer(&version, 0, 0) > LEDGER_VERSION)
        return error_set(err, ERROR_UNSUPPORTED,
            "the ledger (schema \"valise\") of the target was written by a newer version of this "
            "program; use that version");
    return true;
}

bool ledger_read(struct ledger *ledger, struct connection *connection, struct error *err)
{
    bool exists;

    ledger_release(ledger);
    if (!read_version(connection, &exists, err))
        return false;
    if (!exists)
        return true;
    return read_replay(ledger, connection, err) && read_parts(ledger, connection, err)
           && read_objects(ledger, connection, err);
}

const struct ledger_part *ledger_find_part(
    const struct ledger *ledger, const char *table, uint32_t number)
{
    for (size_t i = 0; i < ledger->part_count; i++)
        if (ledger->parts[i].number == number && strcmp(ledger->parts[i].table, table) == 0)
            return &ledger->parts[i];
    return NULL;
}

/* --- writing ------------------------------------------------------------------------ */

bool ledger_begin(struct ledger *ledger, struct connection *connection, const char *state,
    const char *dump, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};
    const char *items[] = {state, dump};

    if (!connection_exec(connection, create_sql, err)
        || !connection_query(connection,
            "INSERT INTO valise.replay (state, dump, phase) VALUES ($1, $2, 'load') RETURNING id",
            &(struct connection_values){.items = items, .count = 2}, &rows, err))
        return error_wrap(err, "cannot make the ledger (schema \"valise\")");
    ledger->replay.id = connection_rows_integer(&rows, 0, 0);
    ledger->replay.phase = LEDGER_PHASE_LOAD;
    snprintf(ledger->replay.state, sizeof(ledger->replay.state), "%s", state);
    return true;
}

/* Appends ", 'text'" for each. */
static void put_literals(struct byte_buffer *out, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        quote_plain(out, ", ");
        quote_literal(out, texts[i]);
    }
}

bool ledger_save_ddl(const struct ledger *ledger, struct connection *connection,
    const struct ddl_plan *plan, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    if (plan->object_count == 0)
        return true;
    quote_plain(&sql, "INSERT INTO valise.saved_ddl VALUES ");
    for (size_t i = 0; i < plan->object_count; i++) {
        const struct ddl_object *object = &plan->objects[i];
        const char *texts[] = {object->kind, object->schema, object->table, object->name,
            object->drop, object->restore, object->exists};

        quote_plain(&sql, i == 0 ? "(" : ", (");
        quote_integer(&sql, ledger->replay.id);
        quote_plain(&sql, ", ");
        quote_integer(&sql, (int64_t)i);
        quote_plain(&sql, ", ");
        quote_integer(&sql, object->phase);
        put_literals(&sql, texts, sizeof(texts) / sizeof(texts[0]));
        quote_plain(&sql, ")");
    }
    return connection_exec(connection, quote_text(&sql), err);
}

/* Foreign keys that stay, as what they are in cannot be taken down: they must not act on rows that
   nothing would bring back. */
static bool check_references(struct connection *connection, const struct target_table *table,
    bool *is_referenced, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};
    char oid[24];
    const char *items[] = {oid};

    snprintf(oid, sizeof(oid), "%" PRIu32, table->oid);
    if (!connection_query(connection,
            "SELECT conname, conrelid::pg_catalog.regclass, confdeltype IN ('c', 'n', 'd')"
            " FROM pg_catalog.pg_constraint WHERE contype = 'f' AND confrelid = $1::oid"
            " AND conrelid <> confrelid ORDER BY 3 DESC, 2, 1",
            &(struct connection_values){.items = items, .count = 1}, &rows, err))
        return false;
    *is_referenced = rows.row_count > 0;
    return !*is_referenced || !connection_rows_boolean(&rows, 0, 2)
           || error_set(err, ERROR_REFUSED,
               "replacing its rows would delete or change rows of table %s, by the foreign key "
               "\"%s\"; drop that key, and add it again afterwards",
               connection_rows_text(&rows, 0, 1), connection_rows_text(&rows, 0, 0));
}

/* Deleted rows would keep their room, in a table that is filled at once again; but what a foreign
   key that stays refers to cannot be truncated. */
static bool put_removal(struct connection *connection, const struct target_table *table,
    struct byte_buffer *sql, struct error *err)
{
    bool is_referenced;
    bool truncates;

    if (!check_references(connection, table, &is_referenced, err))
        return false;
    /* DELETE on a published table needs its replica identity, which may be down. */
    truncates = (table->size > TRUNCATE_SIZE_MIN || table->publishes_truncate) && !is_referenced;
    quote_plain(sql, truncates ? "; TRUNCATE " : "; DELETE FROM ");
    quote_plain(sql, target_catalog_only(table));
    quote_qualified(sql, table->schema, table->name);
    return true;
}

/* Copies the rows that a table has (but for generated columns) to a table of the ledger, and
 * removes them. */
static bool move_rows(struct connection *connection, const struct target_table *table,
    const char *copy_name, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    bool is_first = true;

    quote_plain(&sql, "CREATE TABLE ");
    quote_qualified(&sql, "valise", copy_name);
    quote_plain(&sql, " AS SELECT ");
    for (size_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].generated != 0)
            continue;
        quote_plain(&sql, is_first ? "" : ", ");
        quote_name(&sql, table->columns[i].name);
        is_first = false;
    }
    quote_plain(&sql, " FROM ");
    quote_plain(&sql, target_catalog_only(table));
    quote_qualified(&sql, table->schema, table->name);
    return put_removal(connection, table, &sql, err)
           && connection_exec(connection, quote_text(&sql), err);
}

bool ledger_check_table(
    struct connection *connection, const struct target_table *table, struct error *err)
{
    bool is_referenced;

    return !table->has_rows || check_references(connection, table, &is_referenced, err)
           || error_wrap(err, "table \"%s\"", table->name);
}

/* Moves the rows that a table has, and appends what the ledger says of it. */
static bool save_table(const struct ledger *ledger, struct connection *connection,
    const struct target_table *table, struct byte_buffer *sql, struct error *err)
{
    char copy_name[64];
    const char *texts[] = {table->schema, table->name, table->has_rows ? copy_name : NULL};

    snprintf(
        copy_name, sizeof(copy_name), "rows_%" PRId64 "_%" PRIu32, ledger->replay.id, table->oid);
    if (table->has_rows && !move_rows(connection, table, copy_name, err))
        return error_wrap(err, "table \"%s\"", table->name);
    quote_plain(sql, "(");
    quote_integer(sql, ledger->replay.id);
    put_literals(sql, texts, 3);
    quote_plain(sql, ")");
    return true;
}

bool ledger_save_tables(const struct ledger *ledger, struct connection *connection,
    const struct target_table *const *tables, size_t count, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    for (size_t i = 0; i < count; i++) {
        quote_plain(&sql, i == 0 ? "INSERT INTO valise.saved_table VALUES " : ", ");
        if (!save_table(ledger, connection, tables[i], &sql, err))
            return false;
    }
    return count == 0 || connection_exec(connection, quote_text(&sql), err);
}

bool ledger_save_sequences(const struct ledger *ledger, struct connection *connection,
    const struct target_catalog *catalog, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    bool is_first = true;

    quote_plain(&sql, "INSERT INTO valise.saved_sequence VALUES ");
    for (size_t i = 0; i < catalog->sequence_count; i++) {
        const struct target_sequence *sequence = &catalog->sequences[i];
        const char *texts[] = {sequence->schema, sequence->name};

        if (!sequence->is_readable)
            continue;
        quote_plain(&sql, is_first ? "(" : ", (");
        is_first = false;
        quote_integer(&sql, ledger->replay.id);
        put_literals(&sql, texts, 2);
        quote_plain(&sql, ", ");
        quote_integer(&sql, sequence->last_value);
        quote_plain(&sql, sequence->is_called ? ", true)" : ", false)");
    }
    return is_first || connection_exec(connection, quote_text(&sql), err);
}

bool ledger_add_parts(const struct ledger *ledger, struct connection *connection,
    const struct ledger_part *parts, size_t part_count, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    quote_plain(&sql, "INSERT INTO valise.part VALUES ");
    for (size_t i = 0; i < part_count; i++) {
        quote_plain(&sql, i == 0 ? "(" : ", (");
        quote_integer(&sql, ledger->replay.id);
        put_literals(&sql, &parts[i].table, 1);
        quote_plain(&sql, ", ");
        quote_integer(&sql, parts[i].number);
        quote_plain(&sql, ", ");
        quote_integer(&sql, (int64_t)parts[i].row_count);
        quote_plain(&sql, ", ");
        quote_integer(&sql, (int64_t)parts[i].sum.low);
        quote_plain(&sql, ", ");
        quote_integer(&sql, (int64_t)parts[i].sum.high);
        quote_plain(&sql, ")");
    }
    return connection_exec(connection, quote_text(&sql), err);
}

bool ledger_mark(const struct ledger *ledger, struct connection *connection,
    enum ledger_phase phase, struct error *err)
{
    char sql[160];

    snprintf(sql, sizeof(sql),
        "SET LOCAL synchronous_commit = on; UPDATE valise.replay SET phase = '%s'%s"
        " WHERE id = %" PRId64,
        phase_names[phase], phase == LEDGER_PHASE_DONE ? ", finished = clock_timestamp()" : "",
        ledger->replay.id);
    return connection_exec(connection, sql, err);
}

bool ledger_enter(struct ledger *ledger, struct connection *connection, enum ledger_phase phase,
    struct error *err)
{
    OWNED(connection_transaction) struct connection_transaction transaction = {0};

    if (ledger->replay.phase >= phase)
        return true;
    if (!connection_transaction_begin(&transaction, connection, NULL, err)
        || !ledger_mark(ledger, connection, phase, err)
        || !connection_transaction_commit(&transaction, err))
        return error_wrap(err, "cannot write the ledger");
    ledger->replay.phase = phase;
    return true;
}

struct ledger_part ledger_sum(const struct ledger *ledger, const char *table)
{
    struct ledger_part sum = {.table = table};

    for (size_t i = 0; i < ledger->part_count; i++) {
        if (strcmp(ledger->parts[i].table, table) != 0)
            continue;
        sum.row_count += ledger->parts[i].row_count;
        sum.sum = checksum_add(sum.sum, ledger->parts[i].sum);
    }
    return sum;
}
