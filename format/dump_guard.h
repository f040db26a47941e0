/*
 * What is written must not take the place of what a move begins with: a dump, or a SQLite database.
 */
#ifndef FORMAT_DUMP_GUARD_H
#define FORMAT_DUMP_GUARD_H

#include "base/error.h"

#include <stdbool.h>

/*
 * For what is written beside a dump, a report or a list: fails with ERROR_USAGE when path is a file
 * that begins as dumps (SPEC 2) or SQLite databases do.
 */
MUST_CHECK bool dump_guard_check(const char *path, struct error *err);

/* For a dump, which may replace another: fails with ERROR_REFUSED for a SQLite database. */
MUST_CHECK bool dump_guard_check_database(const char *path, struct error *err);

#endif
