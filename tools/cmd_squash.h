/* valise squash: several dumps of a chain as one. */
#ifndef TOOLS_CMD_SQUASH_H
#define TOOLS_CMD_SQUASH_H

#include "base/error.h"

/* Runs the command; argv[0] is its name. */
MUST_CHECK bool cmd_squash_run(int argc, char **argv, struct error *err);

#endif
