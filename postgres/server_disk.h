/*
 * The disk that the server keeps a database on, where it can be seen: a server on another host has
 * one of its own, and most roles may not see the folder.
 */
#ifndef POSTGRES_SERVER_DISK_H
#define POSTGRES_SERVER_DISK_H

#include "base/arena.h"
#include "base/error.h"
#include "postgres/connection.h"

#include <stdint.h>

/* The disk that new tables of the database go to. Zero-initialise. */
struct server_disk {
    struct arena arena;
    const char *folder; /* of the database's tablespace; NULL: not known */
    const char *reason; /* why the sizes are not known; NULL: they are */
    uint64_t free_size; /* bytes that are left for others than root */
    uint64_t size;
};

/* What cannot be seen is no failure. Fails as connection_query(). */
MUST_CHECK bool server_disk_read(
    struct server_disk *disk, struct connection *connection, struct error *err);

void server_disk_release(struct server_disk *disk);

#endif
