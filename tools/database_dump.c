#include "tools/database_dump.h"

#include "base/file.h"
#include "base/owned.h"
#include "dump/snapshot_dump.h"
#include "dump/source.h"

#include <string.h>

#define LEVEL 1 /* the dump is read once, on this host */

static const char magic[16] = "SQLite format 3"; /* its NUL included */

void database_dump_release(struct database_dump *dump)
{
    scratch_release(&dump->scratch);
}

/* False for what cannot be opened or is too short: who reads dumps has the words for it. */
static bool is_database(const char *path)
{
    OWNED(file_input) struct file_input file = {.fd = -1};
    char bytes[sizeof(magic)];
    struct error ignored;

    return !file_is_pipe(path) && file_input_open(&file, path, &ignored)
           && file.size >= sizeof(bytes)
           && file_input_read_at(&file, 0, bytes, sizeof(bytes), &ignored)
           && memcmp(bytes, magic, sizeof(bytes)) == 0;
}

bool database_dump_replace(struct database_dump *dump, const char **path, struct error *err)
{
    OWNED(progress) struct progress progress = {0};
    struct snapshot_dump_options options = {
        .database_path = *path,
        .thread_count = snapshot_dump_default_threads(),
        .level = LEVEL,
        .busy_timeout_ms = SOURCE_BUSY_TIMEOUT_MS,
        .progress = &progress,
    };
    struct snapshot_dump_result result;

    if (!is_database(*path))
        return true;
    if (!scratch_create(&dump->scratch, err))
        return false;
    options.output_path = dump->scratch.database;
    progress_init(&progress, "valise", "dump");
    if (!snapshot_dump_run(&options, &result, err))
        return error_wrap(err, "cannot read the database to compare it");
    *path = dump->scratch.database;
    return true;
}
