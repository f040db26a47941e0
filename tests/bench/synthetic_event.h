/*
 * One event of a room: what a homeserver stores of it.
 */
#ifndef BENCH_SYNTHETIC_EVENT_H
#define BENCH_SYNTHETIC_EVENT_H

#include "synthetic_world.h"

#define SYNTHETIC_EVENT_AUTH_MAX 4
#define SYNTHETIC_EVENT_PREVIOUS_MAX 2

struct synthetic_event {
    char id[SYNTHETIC_ID_SIZE];
    struct synthetic_room *room; /* borrowed */
    const char *sender;          /* borrowed from the world */
    const char *type;            /* a literal */
    bool is_state;
    const char *state_key; /* NULL where it is no state event */
    bool contains_url;
    bool is_outlier;
    int64_t depth;
    int64_t stream_ordering;
    int64_t sent_ms;     /* Unix time */
    int64_t received_ms; /* Unix time */
    uint32_t auth_count;
    char auths[SYNTHETIC_EVENT_AUTH_MAX][SYNTHETIC_ID_SIZE];
    uint32_t previous_count;
    const char *previous[SYNTHETIC_EVENT_PREVIOUS_MAX]; /* borrowed from the room */
    struct synthetic_text content;
    struct synthetic_text json;
    struct synthetic_text metadata;
};

/*
 * Makes the next event of some room. stream_ordering and sent_ms hold those of
 * the event before it. The room is not changed; synthetic_event_settle() does.
 */
void synthetic_event_make(struct synthetic_event *event, struct synthetic_world *world);

/* Enters the event into its room: state, depth, recent events. */
void synthetic_event_settle(const struct synthetic_event *event);

#endif
