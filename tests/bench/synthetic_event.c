#include "synthetic_event.h"

#include <inttypes.h>
#include <string.h>

static const char MEMBER[] = "m.room.member";

/* The state events that open a room, in this order. */
static const char *const OPENING[] = {"m.room.create", MEMBER, "m.room.power_levels",
    "m.room.join_rules", "m.room.history_visibility", "m.room.guest_access", "m.room.name",
    "m.room.encryption"};
#define OPENING_COUNT (sizeof(OPENING) / sizeof(OPENING[0]))

static void choose_type(struct synthetic_event *event, struct synthetic_world *world)
{
    uint32_t percent = synthetic_random_below(&world->random, 100);

    if (event->room->state_count < OPENING_COUNT)
        event->type = OPENING[event->room->state_count];
    else if (percent < 30)
        event->type = "m.room.encrypted";
    else if (percent < 66)
        event->type = "m.room.message";
    else if (percent < 78)
        event->type = "m.reaction";
    else if (percent < 80)
        event->type = "m.room.redaction";
    else if (percent < 97)
        event->type = MEMBER;
    else if (percent < 98)
        event->type = "m.room.topic";
    else
        event->type = percent < 99 ? "m.room.name" : "m.room.power_levels";
    event->is_state = percent >= 80 || event->room->state_count < OPENING_COUNT;
    event->sender = synthetic_world_member(world, event->room, strcmp(event->type, MEMBER) != 0);
    event->state_key = NULL;
    if (event->is_state)
        event->state_key = strcmp(event->type, MEMBER) == 0 ? event->sender : "";
}

/* --- content ------------------------------------------------------------------ */

static void encrypted_content(struct synthetic_text *content, struct synthetic_world *world)
{
    struct synthetic_random *random = &world->random;
    uint32_t spread = synthetic_random_one_in(random, 4) ? 2500 : 500;

    synthetic_text_format(content, "{\"algorithm\":\"m.megolm.v1.aes-sha2\",\"ciphertext\":\"");
    synthetic_text_base64(content, random, 200 + synthetic_random_below(random, spread));
    synthetic_text_format(content, "\",\"device_id\":\"");
    synthetic_text_base64url(content, random, 10);
    synthetic_text_format(content, "\",\"sender_key\":\"");
    synthetic_text_base64(content, random, 43);
    synthetic_text_format(content, "\",\"session_id\":\"");
    synthetic_text_base64(content, random, 43);
    synthetic_text_format(content, "\"}");
}

static void image_content(struct synthetic_text *content, struct synthetic_world *world)
{
    struct synthetic_random *random = &world->random;
    char media[25];

    synthetic_random_base64url(random, media, sizeof(media) - 1);
    synthetic_text_format(content, "{\"body\":\"");
    synthetic_world_words(world, content, 2);
    synthetic_text_format(content,
        ".jpg\",\"info\":{\"h\":%u,\"mimetype\":\"image/jpeg\",\"size\":%u,\"thumbnail_info\":"
        "{\"h\":600,\"mimetype\":\"image/jpeg\",\"size\":%u,\"w\":800},\"thumbnail_url\":"
        "\"mxc://example.org/%s\",\"w\":%u},\"msgtype\":\"m.image\",\"url\":"
        "\"mxc://example.org/%s\"}",
        synthetic_random_below(random, 4000), synthetic_random_below(random, 4000000),
        synthetic_random_below(random, 90000), media, synthetic_random_below(random, 4000), media);
}

static void text_content(struct synthetic_text *content, struct synthetic_world *world)
{
    struct synthetic_random *random = &world->random;
    uint32_t word_count = 2 + synthetic_random_below(random, 20);
    size_t begin;
    char body[4096];

    if (synthetic_random_one_in(random, 6))
        word_count += synthetic_random_below(random, 150);
    synthetic_text_format(content, "{\"body\":\"");
    begin = content->size;
    synthetic_world_words(world, content, word_count);
    if (synthetic_random_one_in(random, 4)) {
        memcpy(body, content->bytes + begin, content->size - begin + 1);
        synthetic_text_format(content,
            "\",\"format\":\"org.matrix.custom.html\",\"formatted_body\":\"<p>%s</p>\\n\","
            "\"m.mentions\":{}",
            body);
    } else {
        synthetic_text_format(content, "\"");
    }
    synthetic_text_format(content, ",\"msgtype\":\"m.text\"}");
}

static void related_content(struct synthetic_text *content, const struct synthetic_event *event,
    struct synthetic_world *world)
{
    uint32_t count = synthetic_world_recent_count(event->room);
    const char *target = event->id;

    if (count > 0)
        target = synthetic_world_recent(event->room, synthetic_random_below(&world->random, count));
    if (strcmp(event->type, "m.reaction") == 0)
        synthetic_text_format(content,
            "{\"m.relates_to\":{\"event_id\":\"%s\",\"key\":\"%s\",\"rel_type\":\"m.annotation\"}}",
            target,
            synthetic_random_one_in(&world->random, 2) ? "\xf0\x9f\x91\x8d"
                                                       : "\xe2\x9d\xa4\xef\xb8\x8f");
    else
        synthetic_text_format(content, "{\"reason\":\"\",\"redacts\":\"%s\"}", target);
}

static void member_content(struct synthetic_text *content, struct synthetic_world *world)
{
    const char *membership = "join";

    if (synthetic_random_one_in(&world->random, 5))
        membership = synthetic_random_one_in(&world->random, 2) ? "leave" : "invite";
    synthetic_text_format(content, "{\"avatar_url\":\"mxc://example.org/");
    synthetic_text_base64url(content, &world->random, 24);
    synthetic_text_format(content, "\",\"displayname\":\"");
    synthetic_world_words(world, content, 2);
    synthetic_text_format(content, "\",\"membership\":\"%s\"}", membership);
}

static void make_content(struct synthetic_event *event, struct synthetic_world *world)
{
    struct synthetic_text *content = &event->content;
    uint32_t word_count = 1 + synthetic_random_below(&world->random, 10);

    synthetic_text_clear(content);
    event->contains_url = false;
    if (strcmp(event->type, "m.room.encrypted") == 0) {
        encrypted_content(content, world);
    } else if (strcmp(event->type, "m.room.message") == 0) {
        event->contains_url = synthetic_random_one_in(&world->random, 10);
        if (event->contains_url)
            image_content(content, world);
        else
            text_content(content, world);
    } else if (strcmp(event->type, MEMBER) == 0) {
        member_content(content, world);
    } else if (!event->is_state) {
        related_content(content, event, world);
    } else {
        synthetic_text_format(content, "{\"ban\":50,\"kick\":50,\"state_default\":50,\"value\":\"");
        synthetic_world_words(world, content, word_count);
        synthetic_text_format(content, "\"}");
    }
}

/* --- the whole event ---------------------------------------------------------- */

static void choose_references(struct synthetic_event *event, struct synthetic_world *world)
{
    const struct synthetic_room *room = event->room;
    uint32_t recent_count = synthetic_world_recent_count(room);

    event->auth_count = room->state_count < 3 ? room->state_count : 3;
    if (event->auth_count == 3 && synthetic_random_one_in(&world->random, 4))
        event->auth_count++;
    for (uint32_t i = 0; i < event->auth_count; i++) {
        uint32_t chosen = i;

        /* Creation, power levels and join rules; then the membership of somebody. */
        if (i > 0 && room->state_count > 3)
            chosen = i < 3 ? i + 1 : synthetic_random_below(&world->random, room->state_count);
        if (chosen >= room->state_count)
            chosen = 0;
        memcpy(event->auths[i], room->states[chosen].event_id, SYNTHETIC_ID_SIZE);
    }
    event->previous_count = recent_count > 0 ? 1 : 0;
    if (recent_count > 2 && synthetic_random_one_in(&world->random, 12))
        event->previous_count = 2;
    for (uint32_t i = 0; i < event->previous_count; i++)
        event->previous[i] = synthetic_world_recent(room, i);
}

static void make_json(struct synthetic_event *event, struct synthetic_world *world)
{
    struct synthetic_text *json = &event->json;
    struct synthetic_random *random = &world->random;
    const char *host = strchr(event->sender, ':') + 1;

    synthetic_text_clear(json);
    synthetic_text_format(json, "{\"auth_events\":[");
    for (uint32_t i = 0; i < event->auth_count; i++)
        synthetic_text_format(json, "%s\"%s\"", i > 0 ? "," : "", event->auths[i]);
    synthetic_text_format(json, "],\"content\":%s,\"depth\":%" PRId64 ",\"hashes\":{\"sha256\":\"",
        event->content.bytes, event->depth);
    synthetic_text_base64(json, random, 43);
    synthetic_text_format(json,
        "\"},\"origin\":\"%s\",\"origin_server_ts\":%" PRId64 ",\"prev_events\":[", host,
        event->sent_ms);
    for (uint32_t i = 0; i < event->previous_count; i++)
        synthetic_text_format(json, "%s\"%s\"", i > 0 ? "," : "", event->previous[i]);
    synthetic_text_format(json,
        "],\"room_id\":\"%s\",\"sender\":\"%s\",\"signatures\":{\"%s\":{\"ed25519:a_%.4s\":\"",
        event->room->name, event->sender, host, host);
    synthetic_text_base64(json, random, 86);
    synthetic_text_format(json, "\"}}");
    if (event->is_state)
        synthetic_text_format(json, ",\"state_key\":\"%s\"", event->state_key);
    synthetic_text_format(json, ",\"type\":\"%s\",\"unsigned\":{\"age\":%u%s}}", event->type,
        synthetic_random_below(random, 100000),
        synthetic_random_one_in(random, 3) ? ",\"transaction_id\":\"m1650000000000.1\"" : "");
}

static void make_metadata(struct synthetic_event *event, struct synthetic_random *random)
{
    synthetic_text_clear(&event->metadata);
    synthetic_text_format(
        &event->metadata, "{\"stream_ordering\":%" PRId64, event->stream_ordering);
    if (!synthetic_random_one_in(random, 3))
        synthetic_text_format(&event->metadata,
            ",\"token_id\":%u,\"txn_id\":\"m%" PRId64 ".%u\",\"historical\":false",
            synthetic_random_below(random, 5000), event->sent_ms,
            synthetic_random_below(random, 300));
    synthetic_text_format(&event->metadata, "}");
}

void synthetic_event_make(struct synthetic_event *event, struct synthetic_world *world)
{
    struct synthetic_random *random = &world->random;

    event->id[0] = '$';
    synthetic_random_base64url(random, event->id + 1, SYNTHETIC_ID_SIZE - 2);
    event->room = synthetic_world_room(world);
    event->depth = event->room->depth + 1;
    event->stream_ordering += synthetic_random_one_in(random, 50) ? 2 : 1;
    event->sent_ms += 1 + synthetic_random_below(random, 600000);
    event->received_ms = event->sent_ms + synthetic_random_below(random, 2000);
    event->is_outlier = synthetic_random_one_in(random, 40);
    choose_type(event, world);
    make_content(event, world);
    choose_references(event, world);
    make_json(event, world);
    make_metadata(event, random);
}

void synthetic_event_settle(const struct synthetic_event *event)
{
    struct synthetic_room *room = event->room;

    room->depth = event->depth;
    synthetic_world_add_recent(room, event->id);
    if (event->is_state)
        synthetic_world_set_state(room, event->type, event->state_key, event->id);
}
