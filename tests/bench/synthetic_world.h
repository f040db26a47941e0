/*
 * The users and rooms of a made-up homeserver, and how each room stands.
 *
 * What is drawn from a world (text, rooms, users) is the same for the same seed.
 */
#ifndef BENCH_SYNTHETIC_WORLD_H
#define BENCH_SYNTHETIC_WORLD_H

#include "synthetic_random.h"
#include "synthetic_text.h"

#define SYNTHETIC_ID_SIZE 45   /* '$', 43 characters, NUL */
#define SYNTHETIC_NAME_SIZE 56 /* of a user or a room, with the NUL */
#define SYNTHETIC_TYPE_SIZE 28 /* of an event type, with the NUL */
#define SYNTHETIC_ROOM_COUNT 400
#define SYNTHETIC_USER_COUNT 9000
#define SYNTHETIC_RECENT_COUNT 8 /* a power of two */
#define SYNTHETIC_WORD_COUNT 6000

/* The event that holds one entry of a room's current state. */
struct synthetic_state {
    const char *type; /* a literal */
    char key[SYNTHETIC_NAME_SIZE];
    char event_id[SYNTHETIC_ID_SIZE];
};

struct synthetic_room {
    char name[SYNTHETIC_NAME_SIZE];
    uint32_t *members; /* owned; indexes of users */
    uint32_t member_count;
    struct synthetic_state *states; /* owned */
    uint32_t state_count;
    uint32_t state_capacity;
    int64_t state_group;
    int64_t depth;        /* of the newest event */
    uint32_t event_count; /* the newest SYNTHETIC_RECENT_COUNT of them are in recent */
    char recent[SYNTHETIC_RECENT_COUNT][SYNTHETIC_ID_SIZE];
};

struct synthetic_world {
    struct synthetic_random random;
    char words[SYNTHETIC_WORD_COUNT][16];
    char users[SYNTHETIC_USER_COUNT][SYNTHETIC_NAME_SIZE];
    struct synthetic_room rooms[SYNTHETIC_ROOM_COUNT];
};

/* A world of its own, owned by the caller. */
struct synthetic_world *synthetic_world_new(uint64_t seed);
void synthetic_world_free(struct synthetic_world *world);

/* Any room, the first ones most often. */
struct synthetic_room *synthetic_world_room(struct synthetic_world *world);

/* A member of the room; with `talkative`, mostly one of the first. */
const char *synthetic_world_member(
    struct synthetic_world *world, const struct synthetic_room *room, bool talkative);

/* Appends count words, the frequent ones most often. */
void synthetic_world_words(
    struct synthetic_world *world, struct synthetic_text *text, uint32_t count);

/* The id of an event of the room, 0 being the newest; fewer than are kept (asserted). */
const char *synthetic_world_recent(const struct synthetic_room *room, uint32_t age);
uint32_t synthetic_world_recent_count(const struct synthetic_room *room);
void synthetic_world_add_recent(struct synthetic_room *room, const char *event_id);

/* Makes the event the one that holds type and key in the room's state. */
void synthetic_world_set_state(
    struct synthetic_room *room, const char *type, const char *key, const char *event_id);

#endif
