/* valise diff: what changed between two dumps, or two chains of dumps. */
#ifndef TOOLS_CMD_DIFF_H
#define TOOLS_CMD_DIFF_H

#include "base/error.h"

/* Runs the command; argv[0] is its name. */
MUST_CHECK bool cmd_diff_run(int argc, char **argv, struct error *err);

#endif
