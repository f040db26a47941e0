/* What is written beside a dump, a report or a list, must not take the dump's place. */
#ifndef FORMAT_DUMP_GUARD_H
#define FORMAT_DUMP_GUARD_H

#include "base/error.h"

#include <stdbool.h>

/* Fails with ERROR_USAGE when path is a file that begins as dumps do (SPEC 2). */
MUST_CHECK bool dump_guard_check(const char *path, struct error *err);

#endif
