/* valise restore: a SQLite database again, from a dump and its deltas. */
#ifndef TOOLS_CMD_RESTORE_H
#define TOOLS_CMD_RESTORE_H

#include "base/error.h"

/* Runs the command; argv[0] is its name. */
MUST_CHECK bool cmd_restore_run(int argc, char **argv, struct error *err);

#endif
