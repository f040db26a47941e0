/* valise verify: is a dump whole, and if not, what of it is? */
#ifndef TOOLS_CMD_VERIFY_H
#define TOOLS_CMD_VERIFY_H

#include "base/error.h"

/* Runs the command; argv[0] is its name. Fails with the kind of the worst damage found. */
MUST_CHECK bool cmd_verify_run(int argc, char **argv, struct error *err);

#endif
