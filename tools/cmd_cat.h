/* valise cat: the rows of a dump, or of a chain of dumps, as text. */
#ifndef TOOLS_CMD_CAT_H
#define TOOLS_CMD_CAT_H

#include "base/error.h"

/* Runs the command; argv[0] is its name. */
MUST_CHECK bool cmd_cat_run(int argc, char **argv, struct error *err);

#endif
