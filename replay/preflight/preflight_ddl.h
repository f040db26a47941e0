/*
 * Does the database let a replay create and drop things? An event trigger may say no.
 */
#ifndef REPLAY_PREFLIGHT_DDL_H
#define REPLAY_PREFLIGHT_DDL_H

#include "base/error.h"
#include "replay/preflight/preflight.h"

#include <stdbool.h>

/*
 * Where there are event triggers, tries the kinds of DDL that a replay consists of, in a
 * transaction that is rolled back, and adds what they said to the problems. Fails when the session
 * is lost.
 */
MUST_CHECK bool preflight_ddl(const struct preflight *preflight, struct error *err);

#endif
