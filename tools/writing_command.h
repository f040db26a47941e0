/*
 * A command that makes one file of dumps: it can be stopped, shows its progress,
 * and says on standard output what it made once the file has its name.
 */
#ifndef TOOLS_WRITING_COMMAND_H
#define TOOLS_WRITING_COMMAND_H

#include "base/byte_buffer.h"
#include "base/command_line.h"
#include "base/error.h"
#include "watch/progress.h"
#include "watch/watch_options.h"

#include <stdbool.h>

struct writing_command {
    const char *name;                         /* of the command, without "valise" */
    const char *path;                         /* of the file */
    const struct command_line_result *parsed; /* its operands are the dumps */
    const struct watch_options *watch;
    void *context; /* of work */

    /* Makes the file; what is said of it is put into `out`. */
    bool (*work)(
        void *context, struct progress *progress, struct byte_buffer *out, struct error *err);
};

/*
 * Fails as work() does, and with ERROR_IO, saying that the file is complete, if only standard
 * output cannot be written.
 */
MUST_CHECK bool writing_command_run(const struct writing_command *command, struct error *err);

#endif
