/* valise info: what is in a dump, without reading its rows. */
#ifndef TOOLS_CMD_INFO_H
#define TOOLS_CMD_INFO_H

#include "base/error.h"

/* Runs the command; argv[0] is its name. */
MUST_CHECK bool cmd_info_run(int argc, char **argv, struct error *err);

#endif
