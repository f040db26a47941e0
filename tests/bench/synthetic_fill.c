#include "synthetic_fill.h"

#include "synthetic_event.h"
#include "synthetic_schema.h"
#include "synthetic_sql.h"
#include "synthetic_world.h"

#include "base/byte_buffer.h"
#include "base/owned.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SIZE_CHECK_INTERVAL 256         /* events */
#define FIRST_EVENT_MS 1577836800000    /* 2020-01-01 */
#define STATE_ROWS_PER_EVENT_TENTHS 154 /* rows of state_groups_state for ten events */
#define BLOB_SIZE_MAX 6200

/* In the order of STATEMENTS. */
enum insert {
    INSERT_EVENT,
    INSERT_JSON,
    INSERT_EDGE,
    INSERT_AUTH,
    INSERT_STATE,
    INSERT_GROUP,
    INSERT_RECEIPT,
    INSERT_INBOX,
    INSERT_MEDIA,
    INSERT_BLOB,
    INSERT_COUNT,
};

static const char *const STATEMENTS[INSERT_COUNT] = {
    "INSERT INTO events (stream_ordering, topological_ordering, event_id, type, room_id,"
    " processed, outlier, depth, origin_server_ts, received_ts, sender, contains_url,"
    " instance_name, state_key) VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?2, ?7, ?8, ?9, ?10,"
    " 'master', ?11)",
    "INSERT INTO event_json VALUES (?, ?, ?, ?, ?)",
    "INSERT INTO event_edges VALUES (?, ?, ?, 0)",
    "INSERT INTO event_auth VALUES (?, ?, ?)",
    "INSERT INTO state_groups_state VALUES (?, ?, ?, ?, ?)",
    "INSERT INTO event_to_state_groups VALUES (?, ?)",
    "INSERT OR REPLACE INTO receipts_linearized (stream_id, room_id, receipt_type, user_id,"
    " event_id, data, instance_name, event_stream_ordering)"
    " VALUES (?, ?, ?, ?, ?, ?, 'master', ?)",
    "INSERT INTO device_inbox VALUES (?, ?, ?, ?, 'master')",
    "INSERT INTO local_media_repository (media_id, media_type, media_length, created_ts,"
    " upload_name, user_id, last_access_ts, sha256) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    "INSERT INTO blob_store VALUES (?, ?, ?, ?)",
};

struct fill {
    sqlite3 *database; /* borrowed */
    struct synthetic_sql_statement inserts[INSERT_COUNT];
    struct synthetic_world *world; /* owned */
    struct synthetic_event event;  /* the newest */
    struct synthetic_text scratch;
    int64_t event_count;
    int64_t state_group; /* numbers given out so far */
    int64_t state_row_count;
    int64_t receipt_id;
    int64_t inbox_id;
    int64_t blob_id;
};

static void fill_free(struct fill *fill)
{
    for (size_t i = 0; i < INSERT_COUNT; i++)
        synthetic_sql_statement_release(&fill->inserts[i]);
    synthetic_world_free(fill->world);
    free(fill);
}

/* --- the event itself ----------------------------------------------------------- */

static bool insert_event(struct fill *fill, struct error *err)
{
    struct synthetic_sql_statement *row = &fill->inserts[INSERT_EVENT];
    const struct synthetic_event *event = &fill->event;

    synthetic_sql_put_number(row, event->stream_ordering);
    synthetic_sql_put_number(row, event->depth);
    synthetic_sql_put_text(row, event->id);
    synthetic_sql_put_text(row, event->type);
    synthetic_sql_put_text(row, event->room->name);
    synthetic_sql_put_number(row, event->is_outlier);
    synthetic_sql_put_number(row, event->sent_ms);
    synthetic_sql_put_number(row, event->received_ms);
    synthetic_sql_put_text(row, event->sender);
    synthetic_sql_put_number(row, event->contains_url);
    synthetic_sql_put_text(row, event->state_key);
    return synthetic_sql_run(row, err);
}

static bool insert_json(struct fill *fill, struct error *err)
{
    struct synthetic_sql_statement *row = &fill->inserts[INSERT_JSON];
    const struct synthetic_event *event = &fill->event;

    synthetic_sql_put_text(row, event->id);
    synthetic_sql_put_text(row, event->room->name);
    synthetic_sql_put_text(row, event->metadata.bytes);
    synthetic_sql_put_text(row, event->json.bytes);
    synthetic_sql_put_number(row, synthetic_random_one_in(&fill->world->random, 3) ? 4 : 3);
    return synthetic_sql_run(row, err);
}

/* Inserts a row of (event, other event, room) into event_edges or event_auth. */
static bool insert_reference(
    struct fill *fill, enum insert table, const char *other_id, struct error *err)
{
    struct synthetic_sql_statement *row = &fill->inserts[table];

    synthetic_sql_put_text(row, fill->event.id);
    synthetic_sql_put_text(row, other_id);
    synthetic_sql_put_text(row, fill->event.room->name);
    return synthetic_sql_run(row, err);
}

static bool insert_references(struct fill *fill, struct error *err)
{
    const struct synthetic_event *event = &fill->event;

    for (uint32_t i = 0; i < event->previous_count; i++) {
        if (!insert_reference(fill, INSERT_EDGE, event->previous[i], err))
            return false;
    }
    for (uint32_t i = 0; i < event->auth_count; i++) {
        if (!insert_reference(fill, INSERT_AUTH, event->auths[i], err))
            return false;
    }
    return true;
}

/* --- state groups ----------------------------------------------------------------- */

static bool insert_state(struct fill *fill, const struct synthetic_state *state, struct error *err)
{
    struct synthetic_sql_statement *row = &fill->inserts[INSERT_STATE];

    synthetic_sql_put_number(row, fill->state_group);
    synthetic_sql_put_text(row, fill->event.room->name);
    synthetic_sql_put_text(row, state->type);
    synthetic_sql_put_text(row, state->key);
    synthetic_sql_put_text(row, state->event_id);
    fill->state_row_count++;
    return synthetic_sql_run(row, err);
}

/* A state event makes a state group: the whole state now and then, else the change. */
static bool insert_state_group(struct fill *fill, struct error *err)
{
    struct synthetic_room *room = fill->event.room;
    const struct synthetic_event *event = &fill->event;
    struct synthetic_state change = {.type = event->type};

    room->state_group = ++fill->state_group;
    if (fill->state_row_count * 10 < fill->event_count * STATE_ROWS_PER_EVENT_TENTHS) {
        for (uint32_t i = 0; i < room->state_count; i++) {
            if (!insert_state(fill, &room->states[i], err))
                return false;
        }
        return true;
    }
    snprintf(change.key, sizeof(change.key), "%s", event->state_key);
    snprintf(change.event_id, sizeof(change.event_id), "%s", event->id);
    return insert_state(fill, &change, err);
}

static bool insert_group_of_event(struct fill *fill, struct error *err)
{
    struct synthetic_sql_statement *row = &fill->inserts[INSERT_GROUP];

    if (fill->event.is_state && !insert_state_group(fill, err))
        return false;
    synthetic_sql_put_text(row, fill->event.id);
    synthetic_sql_put_number(row, fill->event.room->state_group);
    return synthetic_sql_run(row, err);
}

/* --- what goes on beside the events -------------------------------------------------- */

static bool insert_receipt(struct fill *fill, struct error *err)
{
    struct synthetic_sql_statement *row = &fill->inserts[INSERT_RECEIPT];
    const struct synthetic_event *event = &fill->event;
    bool is_private = synthetic_random_one_in(&fill->world->random, 5);
    char data[40];

    snprintf(data, sizeof(data), "{\"ts\":%" PRId64 "}", event->received_ms);
    synthetic_sql_put_number(row, ++fill->receipt_id);
    synthetic_sql_put_text(row, event->room->name);
    synthetic_sql_put_text(row, is_private ? "m.read.private" : "m.read");
    synthetic_sql_put_text(row, synthetic_world_member(fill->world, event->room, false));
    synthetic_sql_put_text(row, event->id);
    synthetic_sql_put_text(row, data);
    synthetic_sql_put_number(row, event->stream_ordering);
    return synthetic_sql_run(row, err);
}

static bool insert_message_to_device(struct fill *fill, struct error *err)
{
    struct synthetic_sql_statement *row = &fill->inserts[INSERT_INBOX];
    struct synthetic_random *random = &fill->world->random;
    struct synthetic_text *message = &fill->scratch;
    uint32_t user = synthetic_random_below(random, 300);
    char device[12];
    char key[44];

    snprintf(device, sizeof(device), "DEV%06u", user * 7 + synthetic_random_below(random, 3));
    synthetic_random_base64url(random, key, sizeof(key) - 1);
    synthetic_text_clear(message);
    synthetic_text_format(message,
        "{\"content\":{\"algorithm\":\"m.olm.v1.curve25519-aes-sha2\",\"ciphertext\":{\"%s\":"
        "{\"body\":\"",
        key);
    synthetic_text_base64(message, random, 300 + synthetic_random_below(random, 600));
    synthetic_text_format(message,
        "\",\"type\":%u}},\"org.matrix.msgid\":\"%08x\",\"sender_key\":\"%s\"},\"sender\":\"%s\","
        "\"type\":\"m.room.encrypted\"}",
        synthetic_random_below(random, 2), (unsigned)synthetic_random_next(random), key,
        fill->event.sender);
    synthetic_sql_put_text(row, fill->world->users[user]);
    synthetic_sql_put_text(row, device);
    synthetic_sql_put_number(row, ++fill->inbox_id);
    synthetic_sql_put_text(row, message->bytes);
    return synthetic_sql_run(row, err);
}

static bool insert_media(struct fill *fill, struct error *err)
{
    struct synthetic_sql_statement *row = &fill->inserts[INSERT_MEDIA];
    struct synthetic_random *random = &fill->world->random;
    const struct synthetic_event *event = &fill->event;
    char media[25];
    char hash[44];

    synthetic_random_base64url(random, media, sizeof(media) - 1);
    synthetic_random_base64url(random, hash, sizeof(hash) - 1);
    synthetic_text_clear(&fill->scratch);
    synthetic_world_words(fill->world, &fill->scratch, 2);
    synthetic_text_format(&fill->scratch, ".png");
    synthetic_sql_put_text(row, media);
    synthetic_sql_put_text(row, synthetic_random_one_in(random, 2) ? "image/jpeg" : "image/png");
    synthetic_sql_put_number(row, synthetic_random_below(random, 4000000));
    synthetic_sql_put_number(row, event->sent_ms);
    synthetic_sql_put_text(row, synthetic_random_one_in(random, 3) ? NULL : fill->scratch.bytes);
    synthetic_sql_put_text(row, event->sender);
    synthetic_sql_put_number(
        row, event->sent_ms + (int64_t)synthetic_random_below(random, 100000000));
    synthetic_sql_put_text(row, synthetic_random_one_in(random, 2) ? NULL : hash);
    return synthetic_sql_run(row, err);
}

static bool insert_blob(struct fill *fill, struct error *err)
{
    static const uint8_t FREQUENT[16] = "\0\0\1\377ABCDabcd\0\0\0";
    struct synthetic_sql_statement *row = &fill->inserts[INSERT_BLOB];
    struct synthetic_random *random = &fill->world->random;
    uint32_t size = 200 + synthetic_random_below(random, BLOB_SIZE_MAX - 200);
    uint8_t bytes[BLOB_SIZE_MAX];
    uint8_t hash[32];
    char name[32];

    for (uint32_t i = 0; i < size; i++) {
        uint64_t bits = synthetic_random_next(random);

        bytes[i] = (bits & 1) > 0 ? (uint8_t)(bits >> 56) : FREQUENT[bits >> 60];
    }
    for (size_t i = 0; i < sizeof(hash); i++)
        hash[i] = (uint8_t)(synthetic_random_next(random) >> 56);
    fill->blob_id++;
    snprintf(name, sizeof(name), "thumb-%" PRId64, fill->blob_id);
    synthetic_sql_put_number(row, fill->blob_id);
    synthetic_sql_put_text(row, name);
    synthetic_sql_put_blob(row, hash, sizeof(hash));
    synthetic_sql_put_blob(row, bytes, size);
    return synthetic_sql_run(row, err);
}

/* --- the whole ------------------------------------------------------------------------ */

static bool fill_one_event(struct fill *fill, struct error *err)
{
    struct synthetic_random *random = &fill->world->random;

    synthetic_event_make(&fill->event, fill->world);
    fill->event_count++;
    if (!insert_event(fill, err) || !insert_json(fill, err) || !insert_references(fill, err))
        return false;
    synthetic_event_settle(&fill->event);
    if (!insert_group_of_event(fill, err))
        return false;
    if (synthetic_random_one_in(random, 2) && !insert_receipt(fill, err))
        return false;
    if (synthetic_random_one_in(random, 3) && !insert_message_to_device(fill, err))
        return false;
    if (synthetic_random_one_in(random, 12) && !insert_media(fill, err))
        return false;
    return !synthetic_random_one_in(random, 16) || insert_blob(fill, err);
}

static bool fill_to_size(struct fill *fill, uint64_t size, struct error *err)
{
    int64_t page_size;
    int64_t page_count = 0;

    if (!synthetic_sql_number(fill->database, "PRAGMA page_size", &page_size, err))
        return false;
    while ((uint64_t)(page_count * page_size) < size) {
        for (int i = 0; i < SIZE_CHECK_INTERVAL; i++) {
            if (!fill_one_event(fill, err))
                return error_wrap(err, "event %" PRId64, fill->event_count);
        }
        if (!synthetic_sql_number(fill->database, "PRAGMA page_count", &page_count, err))
            return false;
    }
    return true;
}

static bool prepare_inserts(struct fill *fill, struct error *err)
{
    for (size_t i = 0; i < INSERT_COUNT; i++) {
        if (!synthetic_sql_prepare(&fill->inserts[i], fill->database, STATEMENTS[i], err))
            return false;
    }
    return true;
}

bool synthetic_fill_database(sqlite3 *database, uint64_t size, uint64_t seed, struct error *err)
{
    struct fill *fill = byte_buffer_calloc(1, sizeof(*fill));
    bool done;

    fill->database = database;
    fill->world = synthetic_world_new(seed);
    fill->event.sent_ms = FIRST_EVENT_MS;
    done = synthetic_sql_execute(database, "BEGIN", err) && synthetic_schema_create(database, err)
           && synthetic_schema_fill_side_tables(database, &fill->world->random, err)
           && prepare_inserts(fill, err) && fill_to_size(fill, size, err)
           && synthetic_sql_execute(database, "COMMIT", err);
    fill_free(fill);
    return done;
}
