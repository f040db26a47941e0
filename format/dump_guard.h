/*
 * What is written must not take the place of what a move begins with: a dump, or a SQLite database.
 */
#ifndef FORMAT_DUMP_GUARD_H
#define FORMAT_DUMP_GUARD_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * For what is written beside a dump, a report or a list: fails with ERROR_USAGE when path is a file
 * that begins as dumps (SPEC 2) or SQLite databases do.
 */
MUST_CHECK bool dump_guard_check(const char *path, struct error *err);

/* A kind of file that we write, and may write again. */
struct dump_guard_kind {
    const char *name;              /* "report" */
    const char *const *beginnings; /* of such files, */
    size_t beginning_count;
};

/*
 * The same, and of files that exist only an empty one, or one of that kind, may be overwritten; a
 * folder is none. What is no regular file may be written.
 */
MUST_CHECK bool dump_guard_check_kind(
    const char *path, const struct dump_guard_kind *kind, struct error *err);

/*
 * For what replaces nothing unless it is forced to: fails with ERROR_REFUSED when path is a regular
 * file. "-" is standard output.
 */
MUST_CHECK bool dump_guard_check_new(const char *path, struct error *err);

/* For a dump, which may replace another: fails with ERROR_REFUSED for a SQLite database. */
MUST_CHECK bool dump_guard_check_database(const char *path, struct error *err);

#endif
