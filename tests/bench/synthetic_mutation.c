#include "synthetic_mutation.h"

#include "synthetic_random.h"
#include "synthetic_sql.h"

#include "base/owned.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MILLION 1000000
#define ID_SIZE 44 /* of an event id */

/*
 * A table and its changes. In `insert`, ?1 is the number of rows, and ?2 what brings
 * `number` of the newest rows right behind that of all others; renewed(id) gives every old
 * event id one new id, so that the new rows of all tables belong together, and another one
 * when the result is mutated again. `update` and `remove` work on the row with rowid ?1;
 * updates get a random number as ?2. NULL: not changed so.
 */
struct change {
    const char *table;
    const char *number; /* a column that counts; NULL: none */
    const char *insert;
    const char *update;
    const char *remove;
};

#define NEWEST_EVENTS "(SELECT event_id FROM events ORDER BY stream_ordering DESC LIMIT ?1)"

/* Tables that refer to events come before it, as rows of theirs are chosen by its newest. */
static const struct change CHANGES[] = {
    {"event_json", NULL,
        "INSERT INTO event_json SELECT renewed(event_id), room_id, internal_metadata, json,"
        " format_version FROM event_json WHERE event_id IN " NEWEST_EVENTS " ORDER BY rowid",
        "UPDATE event_json SET internal_metadata = '{\"token_id\":' || ?2 || '}'"
        " WHERE rowid = ?1",
        NULL},
    {"event_edges", NULL,
        "INSERT INTO event_edges SELECT renewed(event_id), prev_event_id, room_id, is_state"
        " FROM event_edges WHERE event_id IN " NEWEST_EVENTS " ORDER BY rowid",
        "UPDATE event_edges SET is_state = 1 - is_state WHERE rowid = ?1 AND ?2 >= 0", NULL},
    {"event_auth", NULL,
        "INSERT INTO event_auth SELECT renewed(event_id), auth_id, room_id"
        " FROM event_auth WHERE event_id IN " NEWEST_EVENTS " ORDER BY rowid",
        NULL, NULL},
    {"event_to_state_groups", NULL,
        "INSERT INTO event_to_state_groups SELECT renewed(event_id), state_group"
        " FROM event_to_state_groups WHERE event_id IN " NEWEST_EVENTS " ORDER BY rowid",
        "UPDATE event_to_state_groups SET state_group = ?2 WHERE rowid = ?1", NULL},
    {"events", "stream_ordering",
        "INSERT INTO events (stream_ordering, topological_ordering, event_id, type, room_id,"
        " processed, outlier, depth, origin_server_ts, received_ts, sender, contains_url,"
        " instance_name, state_key)"
        " SELECT stream_ordering + ?2, topological_ordering + 100000, renewed(event_id), type,"
        " room_id, processed, outlier, depth + 100000, origin_server_ts + 86400000,"
        " received_ts + 86400000, sender, contains_url, instance_name, state_key"
        " FROM events ORDER BY stream_ordering DESC LIMIT ?1",
        "UPDATE events SET rejection_reason = 'reason ' || ?2 WHERE rowid = ?1",
        "DELETE FROM events WHERE rowid = ?1"},
    {"state_groups_state", "state_group",
        "INSERT INTO state_groups_state"
        " SELECT state_group + ?2, room_id, type, state_key, renewed(event_id)"
        " FROM state_groups_state ORDER BY rowid DESC LIMIT ?1",
        "UPDATE state_groups_state SET event_id = renewed(event_id || ?2) WHERE rowid = ?1",
        "DELETE FROM state_groups_state WHERE rowid = ?1"},
    {"receipts_linearized", "stream_id",
        "INSERT INTO receipts_linearized SELECT"
        " stream_id + ?2, room_id, receipt_type, '@new' || (stream_id + ?2) || ':example.org',"
        " event_id, thread_id, event_stream_ordering, data, instance_name"
        " FROM receipts_linearized ORDER BY rowid DESC LIMIT ?1",
        "UPDATE receipts_linearized SET data = '{\"ts\":' || ?2 || '}' WHERE rowid = ?1",
        "DELETE FROM receipts_linearized WHERE rowid = ?1"},
    {"device_inbox", "stream_id",
        "INSERT INTO device_inbox SELECT user_id, device_id, stream_id + ?2, message_json,"
        " instance_name FROM device_inbox ORDER BY rowid DESC LIMIT ?1",
        NULL, "DELETE FROM device_inbox WHERE rowid = ?1"},
    {"local_media_repository", NULL,
        "INSERT INTO local_media_repository SELECT substr(renewed(media_id), 2, 24), media_type,"
        " media_length, created_ts + 86400000, upload_name, user_id, quarantined_by, url_cache,"
        " last_access_ts, safe_from_quarantine, authenticated, sha256"
        " FROM local_media_repository ORDER BY rowid DESC LIMIT ?1",
        "UPDATE local_media_repository SET last_access_ts = 1700000000000 + ?2 WHERE rowid = ?1",
        "DELETE FROM local_media_repository WHERE rowid = ?1"},
    {"blob_store", "blob_id",
        "INSERT INTO blob_store SELECT blob_id + ?2, name, sha256, data"
        " FROM blob_store ORDER BY blob_id DESC LIMIT ?1",
        "UPDATE blob_store SET name = 'thumb-' || ?2 WHERE rowid = ?1",
        "DELETE FROM blob_store WHERE rowid = ?1"},
};
#define CHANGE_COUNT (sizeof(CHANGES) / sizeof(CHANGES[0]))

static const char *const EVENT_TABLES[] = {
    "event_json", "event_edges", "event_auth", "event_to_state_groups"};
#define EVENT_TABLE_COUNT (sizeof(EVENT_TABLES) / sizeof(EVENT_TABLES[0]))

static bool is_chosen(const struct synthetic_mutation *mutation, const char *table)
{
    char name[64];

    snprintf(name, sizeof(name), ",%s,", table);
    return mutation->tables == NULL || strstr(mutation->tables, name) != NULL;
}

/* The rows of an event go with it, as when a room's history is purged. */
static bool begin_purging(
    sqlite3 *database, const struct synthetic_mutation *mutation, struct error *err)
{
    char sql[256];

    for (size_t i = 0; i < EVENT_TABLE_COUNT; i++) {
        snprintf(sql, sizeof(sql),
            "CREATE TEMP TRIGGER purge_%s AFTER DELETE ON main.events BEGIN"
            " DELETE FROM %s WHERE event_id = old.event_id; END",
            EVENT_TABLES[i], EVENT_TABLES[i]);
        if (is_chosen(mutation, EVENT_TABLES[i]) && !synthetic_sql_execute(database, sql, err))
            return false;
    }
    return true;
}

/* renewed(text): an event id that depends on nothing but the text, and the database as it was. */
static void renew(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct synthetic_random random;
    const void *old = sqlite3_value_blob(values[0]);
    const uint64_t *salt = sqlite3_user_data(context);
    char id[ID_SIZE + 1] = "$";

    (void)count;
    synthetic_random_init(
        &random, synthetic_random_mix(old, (size_t)sqlite3_value_bytes(values[0]), *salt));
    synthetic_random_base64url(&random, id + 1, ID_SIZE - 1);
    sqlite3_result_text(context, id, ID_SIZE, SQLITE_TRANSIENT);
}

static bool count_rows(
    sqlite3 *database, const char *table, int64_t *row_count, int64_t *newest, struct error *err)
{
    char sql[128];

    snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s NOT INDEXED", table);
    if (!synthetic_sql_number(database, sql, row_count, err))
        return false;
    snprintf(sql, sizeof(sql), "SELECT max(rowid) FROM %s", table);
    return synthetic_sql_number(database, sql, newest, err);
}

/* Most changes meet the newest two percent of the rows. */
static int64_t choose_row(struct synthetic_random *random, int64_t newest)
{
    int64_t span = newest;

    if (!synthetic_random_one_in(random, 3))
        span = newest / 50 + 1;
    return newest - (int64_t)(synthetic_random_next(random) % (uint64_t)span);
}

/* Runs sql on random rows until it has met `wanted` of them. */
static bool change_rows(sqlite3 *database, const char *sql, int64_t wanted, int64_t newest,
    struct synthetic_random *random, struct error *err)
{
    OWNED(synthetic_sql_statement) struct synthetic_sql_statement statement = {0};
    int64_t met = 0;

    if (!synthetic_sql_prepare(&statement, database, sql, err))
        return false;
    while (met < wanted) {
        synthetic_sql_put_number(&statement, choose_row(random, newest));
        if (sqlite3_bind_parameter_count(statement.prepared) > 1)
            synthetic_sql_put_number(&statement, synthetic_random_below(random, MILLION));
        if (!synthetic_sql_run(&statement, err))
            return false;
        met += sqlite3_changes64(database);
    }
    return true;
}

/* The part of row_count that millionths say, but never more than half of the rows. */
static int64_t share(int64_t row_count, uint32_t millionths)
{
    int64_t wanted = row_count * millionths / MILLION;

    return wanted > row_count / 2 ? row_count / 2 : wanted;
}

/* What insert gets as ?2. */
static bool read_distance(sqlite3 *database, const struct change *change, int64_t count,
    int64_t *distance, struct error *err)
{
    char sql[256];

    *distance = 0;
    if (change->number == NULL)
        return true;
    snprintf(sql, sizeof(sql),
        "SELECT max(%s) + 1 - (SELECT min(%s) FROM (SELECT %s FROM %s ORDER BY rowid DESC LIMIT"
        " %" PRId64 ")) FROM %s",
        change->number, change->number, change->number, change->table, count, change->table);
    return synthetic_sql_number(database, sql, distance, err);
}

static bool insert_rows(
    sqlite3 *database, const struct change *change, uint32_t millionths, struct error *err)
{
    OWNED(synthetic_sql_statement) struct synthetic_sql_statement statement = {0};
    bool is_of_event = strstr(change->insert, NEWEST_EVENTS) != NULL;
    int64_t row_count;
    int64_t newest;
    int64_t distance;

    /* As many events as events gets new rows, whatever they have in this table. */
    if (!count_rows(database, is_of_event ? "events" : change->table, &row_count, &newest, err)
        || !read_distance(database, change, share(row_count, millionths), &distance, err)
        || !synthetic_sql_prepare(&statement, database, change->insert, err))
        return false;
    synthetic_sql_put_number(&statement, share(row_count, millionths));
    if (sqlite3_bind_parameter_count(statement.prepared) > 1)
        synthetic_sql_put_number(&statement, distance);
    return synthetic_sql_run(&statement, err);
}

static bool update_or_delete(sqlite3 *database, const char *table, const char *sql,
    uint32_t millionths, struct synthetic_random *random, struct error *err)
{
    int64_t row_count;
    int64_t newest;

    if (sql == NULL || millionths == 0)
        return true;
    if (!count_rows(database, table, &row_count, &newest, err))
        return false;
    return change_rows(database, sql, share(row_count, millionths), newest, random, err);
}

static bool apply_changes(sqlite3 *database, const struct synthetic_mutation *mutation,
    struct synthetic_mutation_counts *counts, struct error *err)
{
    struct synthetic_random random;
    int64_t before = sqlite3_total_changes64(database);

    synthetic_random_init(&random, mutation->seed);
    for (size_t i = 0; i < CHANGE_COUNT; i++) {
        if (is_chosen(mutation, CHANGES[i].table)
            && !insert_rows(database, &CHANGES[i], mutation->insert_millionths, err))
            return false;
    }
    counts->inserted = sqlite3_total_changes64(database) - before;
    for (size_t i = 0; i < CHANGE_COUNT; i++) {
        if (is_chosen(mutation, CHANGES[i].table)
            && !update_or_delete(database, CHANGES[i].table, CHANGES[i].update,
                mutation->update_millionths, &random, err))
            return false;
    }
    counts->updated = sqlite3_total_changes64(database) - before - counts->inserted;
    for (size_t i = 0; i < CHANGE_COUNT; i++) {
        if (is_chosen(mutation, CHANGES[i].table)
            && !update_or_delete(database, CHANGES[i].table, CHANGES[i].remove,
                mutation->delete_millionths, &random, err))
            return false;
    }
    counts->deleted =
        sqlite3_total_changes64(database) - before - counts->inserted - counts->updated;
    return true;
}

/* A number that rows which were added change. */
static bool read_salt(sqlite3 *database, uint64_t *salt, struct error *err)
{
    *salt = 1;
    for (size_t i = 0; i < CHANGE_COUNT; i++) {
        int64_t row_count;
        int64_t newest;

        if (!count_rows(database, CHANGES[i].table, &row_count, &newest, err))
            return false;
        *salt += (uint64_t)newest;
    }
    return true;
}

bool synthetic_mutation_apply(sqlite3 *database, const struct synthetic_mutation *mutation,
    struct synthetic_mutation_counts *counts, struct error *err)
{
    uint64_t salt;

    if (!read_salt(database, &salt, err))
        return false;
    if (sqlite3_create_function_v2(database, "renewed", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
            &salt, renew, NULL, NULL, NULL)
        != SQLITE_OK)
        return error_set(err, ERROR_DATABASE, "%s", sqlite3_errmsg(database));
    return synthetic_sql_execute(database, "BEGIN", err) && begin_purging(database, mutation, err)
           && apply_changes(database, mutation, counts, err)
           && synthetic_sql_execute(database, "COMMIT", err);
}
