/* valise doctor: looks a PostgreSQL server and a database over. */
#ifndef TOOLS_CMD_DOCTOR_H
#define TOOLS_CMD_DOCTOR_H

#include "base/error.h"

/* argv[0] is the command's name. Fails with ERROR_REFUSED when it finds something serious. */
MUST_CHECK bool cmd_doctor_run(int argc, char **argv, struct error *err);

#endif
