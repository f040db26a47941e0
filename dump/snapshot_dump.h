/* One dump of one database, from opening it to the file with its final name. */
#ifndef DUMP_SNAPSHOT_DUMP_H
#define DUMP_SNAPSHOT_DUMP_H

#include "base/error.h"
#include "format/dump_writer.h"
#include "watch/progress.h"

#include <stdbool.h>
#include <stdint.h>

struct snapshot_dump_options {
    const char *database_path;
    const char *output_path;       /* "-" is standard output */
    const char *const *base_paths; /* of the chain that a delta continues, oldest first */
    size_t base_count;             /* 0: a full dump */
    bool may_overwrite;
    bool checks_first; /* integrity_check before anything is written */
    bool copies_first; /* through the backup API */
    unsigned thread_count;
    int level;
    uint32_t busy_timeout_ms;
    struct progress *progress; /* told of the work; started and finished by the caller */
    /* Called with one line of text for what should be known but stops nothing; NULL: nobody is. */
    void (*warn)(void *context, const char *text);
    void *warn_context;
};

struct snapshot_dump_result {
    struct dump_writer_result written;
    uint32_t table_count; /* with rows in the dump, or without any, but not virtual ones */
    uint64_t row_count;
    uint64_t size; /* canonical bytes */
};

/* How many threads there are when the user doesn't say: see --help. */
unsigned snapshot_dump_default_threads(void);

/*
 * Writes the dump. Fails with every kind but ERROR_REJECTED and ERROR_MISMATCH;
 * there is then no file with the output's name, or the one that was there before.
 */
MUST_CHECK bool snapshot_dump_run(const struct snapshot_dump_options *options,
    struct snapshot_dump_result *result, struct error *err);

#endif
