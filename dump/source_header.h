/* The first bytes of a database file, looked at before SQLite is. */
#ifndef DUMP_SOURCE_HEADER_H
#define DUMP_SOURCE_HEADER_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct source_header {
    struct stat file;
    uint32_t page_size; /* bytes */
    bool is_wal;
};

/*
 * Examines the file at path. Fails with ERROR_IO (missing, a folder, unreadable),
 * ERROR_NOT_DUMP (empty, or no database), ERROR_CORRUPT or ERROR_UNSUPPORTED.
 */
MUST_CHECK bool source_header_read(
    struct source_header *header, const char *path, struct error *err);

#endif
