/*
 * A SQLite database where a dump is expected: dumped to a scratch folder, so that
 * whatever reads dumps can read it.
 */
#ifndef TOOLS_DATABASE_DUMP_H
#define TOOLS_DATABASE_DUMP_H

#include "base/error.h"
#include "dump/scratch.h"

#include <stdbool.h>

/* Zero-initialise. */
struct database_dump {
    struct scratch scratch; /* holds the dump */
};

/* Removes the dump. */
void database_dump_release(struct database_dump *dump);

/*
 * If *path is a SQLite database, dumps it and makes *path the dump's, borrowed from `dump`; else
 * leaves it. Warnings go to standard error. Fails as valise-dump does.
 */
MUST_CHECK bool database_dump_replace(
    struct database_dump *dump, const char **path, struct error *err);

#endif
