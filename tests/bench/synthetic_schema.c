#include "synthetic_schema.h"

#include "synthetic_sql.h"

#include <stdio.h>

#define SIDE_ROW_MAX 40

static const char EVENT_TABLES[] =
    "CREATE TABLE events (stream_ordering INTEGER PRIMARY KEY,"
    " topological_ordering BIGINT NOT NULL, event_id TEXT NOT NULL, type TEXT NOT NULL,"
    " room_id TEXT NOT NULL, content TEXT, unrecognized_keys TEXT, processed BOOL NOT NULL,"
    " outlier BOOL NOT NULL, depth BIGINT DEFAULT 0 NOT NULL, origin_server_ts BIGINT,"
    " received_ts BIGINT, sender TEXT, contains_url BOOLEAN, instance_name TEXT,"
    " state_key TEXT DEFAULT NULL, rejection_reason TEXT DEFAULT NULL, UNIQUE (event_id));"
    "CREATE INDEX events_order_room"
    " ON events (room_id, topological_ordering, stream_ordering);"
    "CREATE INDEX events_ts ON events (origin_server_ts, stream_ordering);"
    "CREATE INDEX events_room_stream ON events (room_id, stream_ordering);"
    "CREATE INDEX event_contains_url_index"
    " ON events (room_id, topological_ordering, stream_ordering)"
    " WHERE contains_url = true AND outlier = false;"
    "CREATE INDEX events_jump_to_date_idx"
    " ON events (room_id, origin_server_ts) WHERE NOT outlier;"
    "CREATE INDEX received_ts_idx ON events (received_ts) WHERE type = 'm.room.member';"

    "CREATE TABLE event_json (event_id TEXT NOT NULL, room_id TEXT NOT NULL,"
    " internal_metadata TEXT NOT NULL, json TEXT NOT NULL, format_version INTEGER,"
    " UNIQUE (event_id));"

    "CREATE TABLE event_edges (event_id TEXT NOT NULL, prev_event_id TEXT NOT NULL,"
    " room_id TEXT NULL, is_state BOOL NOT NULL DEFAULT 0,"
    " FOREIGN KEY (event_id) REFERENCES events (event_id));"
    "CREATE UNIQUE INDEX event_edges_event_id_prev_event_id_idx"
    " ON event_edges (event_id, prev_event_id);"
    "CREATE INDEX ev_edges_prev_id ON event_edges (prev_event_id);"

    "CREATE TABLE event_auth (event_id TEXT NOT NULL, auth_id TEXT NOT NULL,"
    " room_id TEXT NOT NULL);"
    "CREATE INDEX evauth_edges_id ON event_auth (event_id);";

static const char OTHER_TABLES[] =
    "CREATE TABLE state_groups_state (state_group BIGINT NOT NULL, room_id TEXT NOT NULL,"
    " type TEXT NOT NULL, state_key TEXT NOT NULL, event_id TEXT NOT NULL);"
    "CREATE INDEX state_groups_state_type_idx"
    " ON state_groups_state (state_group, type, state_key);"

    "CREATE TABLE event_to_state_groups (event_id TEXT NOT NULL, state_group BIGINT NOT NULL,"
    " UNIQUE (event_id));"
    "CREATE INDEX event_to_state_groups_sg_index ON event_to_state_groups (state_group);"

    "CREATE TABLE receipts_linearized (stream_id BIGINT NOT NULL, room_id TEXT NOT NULL,"
    " receipt_type TEXT NOT NULL, user_id TEXT NOT NULL, event_id TEXT NOT NULL,"
    " thread_id TEXT, event_stream_ordering BIGINT, data TEXT NOT NULL, instance_name TEXT,"
    " CONSTRAINT receipts_linearized_uniqueness_thread"
    " UNIQUE (room_id, receipt_type, user_id, thread_id));"
    "CREATE INDEX receipts_linearized_id ON receipts_linearized (stream_id);"
    "CREATE INDEX receipts_linearized_room_stream ON receipts_linearized (room_id, stream_id);"
    "CREATE INDEX receipts_linearized_user ON receipts_linearized (user_id);"
    "CREATE UNIQUE INDEX receipts_linearized_unique_index"
    " ON receipts_linearized (room_id, receipt_type, user_id) WHERE thread_id IS NULL;"
    "CREATE INDEX receipts_linearized_event_id ON receipts_linearized (room_id, event_id);"

    "CREATE TABLE device_inbox (user_id TEXT NOT NULL, device_id TEXT NOT NULL,"
    " stream_id BIGINT NOT NULL, message_json TEXT NOT NULL, instance_name TEXT);"
    "CREATE INDEX device_inbox_user_stream_id ON device_inbox (user_id, device_id, stream_id);"
    "CREATE INDEX device_inbox_stream_id_user_id ON device_inbox (stream_id, user_id);"

    "CREATE TABLE local_media_repository (media_id TEXT, media_type TEXT,"
    " media_length INTEGER, created_ts BIGINT, upload_name TEXT, user_id TEXT,"
    " quarantined_by TEXT, url_cache TEXT, last_access_ts BIGINT,"
    " safe_from_quarantine BOOLEAN NOT NULL DEFAULT 0,"
    " authenticated BOOLEAN DEFAULT FALSE NOT NULL, sha256 TEXT, UNIQUE (media_id));"
    "CREATE INDEX users_have_local_media ON local_media_repository (user_id, created_ts);"
    "CREATE INDEX local_media_repository_url_idx"
    " ON local_media_repository (created_ts) WHERE url_cache IS NOT NULL;"
    "CREATE INDEX local_media_repository_sha256"
    " ON local_media_repository (sha256) WHERE sha256 IS NOT NULL;"

    "CREATE TABLE blob_store (blob_id INTEGER PRIMARY KEY, name TEXT NOT NULL,"
    " sha256 BLOB NOT NULL, data BLOB);";

bool synthetic_schema_create(sqlite3 *database, struct error *err)
{
    if (!synthetic_sql_execute(database, EVENT_TABLES, err)
        || !synthetic_sql_execute(database, OTHER_TABLES, err))
        return false;
    for (int number = 1; number <= SYNTHETIC_SCHEMA_SIDE_COUNT; number++) {
        char sql[512];

        snprintf(sql, sizeof(sql),
            "CREATE TABLE side_%03d (id INTEGER PRIMARY KEY, user_id TEXT NOT NULL,"
            " stream_id BIGINT NOT NULL, flag BOOL NOT NULL DEFAULT 0, ratio DOUBLE PRECISION,"
            " value TEXT, UNIQUE (user_id, stream_id));"
            "CREATE INDEX side_%03d_stream ON side_%03d (stream_id);",
            number, number, number);
        if (!synthetic_sql_execute(database, sql, err))
            return false;
    }
    return true;
}

static bool fill_side_table(
    sqlite3 *database, int number, struct synthetic_random *random, struct error *err)
{
    uint32_t row_count = 1 + synthetic_random_below(random, SIDE_ROW_MAX);
    char sql[256];

    snprintf(sql, sizeof(sql),
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %u)"
        " INSERT INTO side_%03d SELECT i, '@user' || i || ':example.org', i * %d, i %% 2,"
        " i / 4.0, CASE WHEN i %% 5 > 0 THEN 'value ' || i END FROM n",
        row_count, number, number);
    return synthetic_sql_execute(database, sql, err);
}

bool synthetic_schema_fill_side_tables(
    sqlite3 *database, struct synthetic_random *random, struct error *err)
{
    for (int number = 3; number <= SYNTHETIC_SCHEMA_SIDE_COUNT; number += 3) {
        if (!fill_side_table(database, number, random, err))
            return false;
    }
    return true;
}
