#include "synthetic_world.h"

#include "base/byte_buffer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST_ROOM 3000 /* members */

static const char LETTERS[] = "etaoinshrdlucmfwypvbgkjqxz";

static void make_words(struct synthetic_world *world)
{
    struct synthetic_random *random = &world->random;

    for (size_t i = 0; i < SYNTHETIC_WORD_COUNT; i++) {
        char *word = world->words[i];
        uint32_t size = 2 + synthetic_random_below(random, 4) + synthetic_random_below(random, 5);

        for (uint32_t at = 0; at < size; at++)
            word[at] = LETTERS[synthetic_random_skewed(random, sizeof(LETTERS) - 1)];
        if (synthetic_random_one_in(random, 90))
            memcpy(word + size, "\xc3\xa9", 3);
    }
}

static void make_users(struct synthetic_world *world)
{
    static const char *const HOSTS[] = {
        "example.org", "example.org", "matrix.example.com", "chat.example.net"};

    for (size_t i = 0; i < SYNTHETIC_USER_COUNT; i++) {
        uint32_t first = synthetic_random_below(&world->random, SYNTHETIC_WORD_COUNT);
        uint32_t host = synthetic_random_below(&world->random, 4);

        /* Words that are not ASCII would not be valid in a user's name. */
        while ((unsigned char)world->words[first][strlen(world->words[first]) - 1] > 127)
            first = (first + 1) % SYNTHETIC_WORD_COUNT;
        snprintf(
            world->users[i], SYNTHETIC_NAME_SIZE, "@%s%zu:%s", world->words[first], i, HOSTS[host]);
    }
}

static void make_room(struct synthetic_world *world, uint32_t number)
{
    struct synthetic_room *room = &world->rooms[number];
    char local_part[19];

    synthetic_random_base64url(&world->random, local_part, sizeof(local_part) - 1);
    snprintf(room->name, sizeof(room->name), "!%s:example.org", local_part);
    room->member_count = 2 + LARGEST_ROOM / (number + 1);
    room->members = byte_buffer_calloc(room->member_count, sizeof(*room->members));
    for (uint32_t i = 0; i < room->member_count; i++)
        room->members[i] = synthetic_random_below(&world->random, SYNTHETIC_USER_COUNT);
    room->state_capacity = room->member_count + 64;
    room->states = byte_buffer_calloc(room->state_capacity, sizeof(*room->states));
}

struct synthetic_world *synthetic_world_new(uint64_t seed)
{
    struct synthetic_world *world = byte_buffer_calloc(1, sizeof(*world));

    synthetic_random_init(&world->random, seed);
    make_words(world);
    make_users(world);
    for (uint32_t number = 0; number < SYNTHETIC_ROOM_COUNT; number++)
        make_room(world, number);
    return world;
}

void synthetic_world_free(struct synthetic_world *world)
{
    if (world == NULL)
        return;
    for (size_t i = 0; i < SYNTHETIC_ROOM_COUNT; i++) {
        free(world->rooms[i].members);
        free(world->rooms[i].states);
    }
    free(world);
}

struct synthetic_room *synthetic_world_room(struct synthetic_world *world)
{
    struct synthetic_random *random = &world->random;

    if (synthetic_random_one_in(random, 4))
        return &world->rooms[synthetic_random_below(random, SYNTHETIC_ROOM_COUNT)];
    return &world->rooms[synthetic_random_skewed(random, SYNTHETIC_ROOM_COUNT)];
}

const char *synthetic_world_member(
    struct synthetic_world *world, const struct synthetic_room *room, bool talkative)
{
    struct synthetic_random *random = &world->random;
    uint32_t chosen;

    if (talkative)
        chosen = synthetic_random_skewed(random, room->member_count);
    else
        chosen = synthetic_random_below(random, room->member_count);
    return world->users[room->members[chosen]];
}

void synthetic_world_words(
    struct synthetic_world *world, struct synthetic_text *text, uint32_t count)
{
    struct synthetic_random *random = &world->random;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t word = synthetic_random_skewed(random, SYNTHETIC_WORD_COUNT);
        const char *mark = "";

        if (synthetic_random_one_in(random, 11))
            mark = synthetic_random_one_in(random, 4) ? "." : ",";
        synthetic_text_format(text, "%s%s%s", i > 0 ? " " : "", world->words[word], mark);
    }
}

uint32_t synthetic_world_recent_count(const struct synthetic_room *room)
{
    return room->event_count < SYNTHETIC_RECENT_COUNT ? room->event_count : SYNTHETIC_RECENT_COUNT;
}

const char *synthetic_world_recent(const struct synthetic_room *room, uint32_t age)
{
    assert(age < synthetic_world_recent_count(room));
    return room->recent[(room->event_count - 1 - age) % SYNTHETIC_RECENT_COUNT];
}

void synthetic_world_add_recent(struct synthetic_room *room, const char *event_id)
{
    memcpy(room->recent[room->event_count % SYNTHETIC_RECENT_COUNT], event_id, SYNTHETIC_ID_SIZE);
    room->event_count++;
}

void synthetic_world_set_state(
    struct synthetic_room *room, const char *type, const char *key, const char *event_id)
{
    struct synthetic_state *state = room->states;
    struct synthetic_state *end = room->states + room->state_count;

    while (state < end && (strcmp(state->type, type) != 0 || strcmp(state->key, key) != 0))
        state++;
    if (state == end) {
        if (room->state_count == room->state_capacity)
            return; /* the room is full: the event stands outside of its state */
        room->state_count++;
        state->type = type;
        snprintf(state->key, sizeof(state->key), "%s", key);
    }
    memcpy(state->event_id, event_id, SYNTHETIC_ID_SIZE);
}
