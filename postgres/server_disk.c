#include "postgres/server_disk.h"

#include "base/owned.h"
#include "postgres/server_place.h"

#include <sys/statvfs.h>

/* The folder of the database's tablespace; pg_settings hides data_directory from most roles. */
static bool read_folder(struct server_disk *disk, struct connection *connection, struct error *err)
{
    static const char sql[] =
        "SELECT coalesce(nullif(pg_tablespace_location(d.dattablespace), ''),"
        " (SELECT s.setting FROM pg_settings AS s WHERE s.name = 'data_directory'))"
        " FROM pg_database AS d WHERE d.datname = current_database()";
    OWNED(connection_rows) struct connection_rows rows = {0};
    const char *folder;

    if (!connection_query(connection, sql, NULL, &rows, err))
        return false;
    folder = rows.row_count == 1 ? connection_rows_text(&rows, 0, 0) : NULL;
    if (folder == NULL)
        disk->reason = "the role may not see data_directory (GRANT pg_read_all_settings)";
    else
        disk->folder = arena_text(&disk->arena, folder);
    return true;
}

bool server_disk_read(struct server_disk *disk, struct connection *connection, struct error *err)
{
    struct server_place place;
    struct statvfs found;

    *disk = (struct server_disk){0};
    if (!server_place_read(&place, connection, err))
        return false;
    if (!place.is_here) {
        disk->reason = "the server runs on another host, or behind something that forwards";
        return true;
    }
    if (!read_folder(disk, connection, err))
        return false;
    if (disk->reason != NULL)
        return true;
    if (statvfs(disk->folder, &found) != 0) {
        disk->reason = "its folder cannot be looked at from here";
        return true;
    }
    disk->free_size = (uint64_t)found.f_bavail * found.f_frsize;
    disk->size = (uint64_t)found.f_blocks * found.f_frsize;
    return true;
}

void server_disk_release(struct server_disk *disk)
{
    arena_release(&disk->arena);
    *disk = (struct server_disk){0};
}
