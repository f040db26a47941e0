#include "tools/writing_command.h"

#include "base/file.h"
#include "base/owned.h"
#include "base/path_name.h"
#include "base/stop.h"

bool writing_command_run(const struct writing_command *command, struct error *err)
{
    const struct command_line_result *parsed = command->parsed;
    OWNED(byte_buffer) struct byte_buffer out = {0};
    OWNED(progress) struct progress progress = {0};
    bool done;

    if (command->watch->file != NULL && path_name_is_same(command->watch->file, command->path))
        return error_set(err, ERROR_USAGE,
            "--progress-file and --output name the same file, \"%s\"", command->path);
    progress_init(&progress, "valise", command->name);
    progress_describe(&progress, parsed->operands[parsed->operand_count - 1], command->path);
    done = stop_install(err) && watch_options_start(command->watch, &progress, err)
           && command->work(command->context, &progress, &out, err);
    watch_options_finish(command->watch, &progress, NULL, done ? NULL : err);
    if (!done || out.size == 0 || file_print(&out, err))
        return done;
    return error_wrap(err, "\"%s\" is complete, but what was found cannot be said", command->path);
}
