#include "base/file.h"
#include "base/owned.h"
#include "base/standard_streams.h"
#include "base/stop.h"
#include "replay/options.h"
#include "replay/run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static bool run(int argc, char **argv, struct byte_buffer *list, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer out = {0};
    OWNED(options) struct options options = {0};
    bool done;

    if (!options_read(&options, argc, argv, &out, err))
        return false;
    if (out.size > 0)
        return file_print(&out, err);
    done = stop_install(err) && run_command(&options, &out, list, err);
    if (!done && err->kind != ERROR_REJECTED)
        return false;
    return file_print(&out, err) && done;
}

int main(int argc, char **argv)
{
    OWNED(byte_buffer) struct byte_buffer list = {0};
    struct error err = {0};

    standard_streams_open();
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of write() */
    if (run(argc, argv, &list, &err))
        return 0;
    if (err.text[0] == '\0')
        return (int)err.kind;
    fprintf(stderr, "%.*svalise-replay: %s\n", (int)list.size,
        list.data == NULL ? "" : (const char *)list.data, err.text);
    return (int)err.kind;
}
