/* "valise config": a homeserver.yaml that names PostgreSQL. */
#ifndef TOOLS_CMD_CONFIG_H
#define TOOLS_CMD_CONFIG_H

#include "base/error.h"

#include <stdbool.h>

/* Runs the command; argv[0] is its name. Fails with every kind of error there is. */
MUST_CHECK bool cmd_config_run(int argc, char **argv, struct error *err);

#endif
