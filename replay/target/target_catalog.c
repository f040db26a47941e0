#include "replay/target/target_catalog.h"

#include "base/owned.h"
#include "postgres/connection_transaction.h"
#include "replay/target/lock_room.h"
#include "replay/target/target_distribution.h"
#include "replay/target/target_keys.h"
#include "replay/target/target_others.h"
#include "replay/target/target_read.h"
#include "replay/target/target_sequences.h"
#include "replay/target/target_server.h"
#include "replay/target/target_tables.h"

#include <string.h>
#include <strings.h>

/* As the session finds names in pg_catalog alone, definitions name all else with its schema. */
static bool read_in_transaction(struct target_read *read, const char *schema, struct error *err)
{
    OWNED(connection_transaction) struct connection_transaction transaction = {0};

    if (!connection_transaction_begin(
            &transaction, read->connection, "ISOLATION LEVEL REPEATABLE READ READ ONLY", err)
        || !target_server_read(read, schema, err)
        || !connection_exec(read->connection, "SET LOCAL lock_timeout = '30s'", err))
        return error_wrap(err, "reading the target's catalog");
    if (!target_tables_read(read, err) || !target_keys_read(read, err)
        || !target_sequences_read(read, err) || !target_others_read(read, err)
        || !target_distribution_read(read, err))
        return error_wrap(
            err, "reading the schema \"%s\" of the target", read->catalog->server.schema);
    return connection_transaction_commit(&transaction, err);
}

/* Always false. Tables and indexes are locked while their definitions are read. */
static bool explain(struct connection *connection, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};
    struct error unknown;

    if (!lock_room_is_short(err)
        || !connection_query(connection,
            "SELECT 2 * count(*) FROM pg_catalog.pg_class WHERE relkind IN ('r', 'p', 'i', 'I')",
            NULL, &rows, &unknown))
        return false;
    return lock_room_explain(connection, (size_t)connection_rows_integer(&rows, 0, 0),
        "reading the definitions of all tables at once", err);
}

bool target_catalog_read(struct target_catalog *catalog, struct connection *connection,
    const char *schema, struct error *err)
{
    struct target_read read = {
        .catalog = catalog, .arena = &catalog->arena, .connection = connection};

    *catalog = (struct target_catalog){0};
    if (connection->version_num < TARGET_CATALOG_VERSION_NUM_MIN)
        return error_set(err, ERROR_REFUSED,
            "the server is PostgreSQL %d.%d, expected 9.5 or later",
            connection->version_num / 10000, connection->version_num / 100 % 100);
    return read_in_transaction(&read, schema, err) || explain(connection, err);
}

void target_catalog_release(struct target_catalog *catalog)
{
    arena_release(&catalog->arena);
    *catalog = (struct target_catalog){0};
}

/* --- finding ---------------------------------------------------------------- */

/* Names of count items of item_size bytes; the name is at name_offset in each. */
struct names {
    const void *items;
    size_t count;
    size_t item_size;
    size_t name_offset;
};

static const void *find(const struct names *names, const char *name)
{
    const char *item = names->items;
    const void *found = NULL;
    size_t found_count = 0;

    for (size_t i = 0; i < names->count; i++, item += names->item_size) {
        const char *text;

        memcpy(&text, item + names->name_offset, sizeof(text));
        if (strcmp(text, name) == 0)
            return item;
        if (strcasecmp(text, name) == 0) {
            found = item;
            found_count++;
        }
    }
    return found_count == 1 ? found : NULL;
}

const struct target_table *target_catalog_table(
    const struct target_catalog *catalog, const char *name)
{
    return find(&(struct names){catalog->tables, catalog->table_count, sizeof(struct target_table),
                    offsetof(struct target_table, name)},
        name);
}

const struct target_column *target_catalog_column(
    const struct target_table *table, const char *name)
{
    return find(&(struct names){table->columns, table->column_count, sizeof(struct target_column),
                    offsetof(struct target_column, name)},
        name);
}

const struct target_sequence *target_catalog_sequence(
    const struct target_catalog *catalog, const char *name)
{
    return find(&(struct names){catalog->sequences, catalog->sequence_count,
                    sizeof(struct target_sequence), offsetof(struct target_sequence, name)},
        name);
}

const struct target_other *target_catalog_other(
    const struct target_catalog *catalog, const char *name)
{
    for (size_t i = 0; i < catalog->other_count; i++)
        if (strcmp(catalog->others[i].name, name) == 0)
            return &catalog->others[i];
    return NULL;
}

const struct target_sequence *target_catalog_sequence_of(
    const struct target_catalog *catalog, const struct target_column *column)
{
    for (size_t i = 0; i < catalog->sequence_count; i++) {
        if (catalog->sequences[i].column == column && column != NULL)
            return &catalog->sequences[i];
    }
    return NULL;
}

const char *target_catalog_only(const struct target_table *table)
{
    return table->kind == 'p' ? "" : "ONLY ";
}
