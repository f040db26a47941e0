/* Asking SQLite whether the database is sound (--check). */
#ifndef DUMP_INTEGRITY_H
#define DUMP_INTEGRITY_H

#include "base/error.h"
#include "dump/source.h"

/* Called with one line of text for a finding that is no reason to stop. */
typedef void integrity_warn(void *context, const char *text);

/*
 * PRAGMA integrity_check, then PRAGMA foreign_key_check, whose findings are only
 * warnings. Fails with ERROR_CORRUPT, naming the first things that are wrong, and
 * with the other kinds of sqlite_error_kind().
 */
MUST_CHECK bool integrity_check(
    struct source *source, integrity_warn *warn, void *context, struct error *err);

#endif
