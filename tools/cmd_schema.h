/* valise schema: prints CREATE statements for PostgreSQL. */
#ifndef TOOLS_CMD_SCHEMA_H
#define TOOLS_CMD_SCHEMA_H

#include "base/error.h"

MUST_CHECK bool cmd_schema_run(int argc, char **argv, struct error *err);

#endif
