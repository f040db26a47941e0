#include "base/file.h"
#include "base/owned.h"
#include "base/standard_streams.h"
#include "base/stop.h"
#include "replay/options.h"
#include "replay/run.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#define OWN_MAPPING_SIZE_MIN \
    (256 << 10) /* bytes of a buffer that goes back to the system at once */

/* glibc would raise its threshold by the first buffer that is freed, and then keep such buffers, in
   pieces, in an arena for each thread: as much memory again as is in use. */
static void return_large_buffers(void)
{
#ifdef __GLIBC__
    (void)mallopt(M_MMAP_THRESHOLD, OWN_MAPPING_SIZE_MIN);
#endif
}

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

    return_large_buffers();
    standard_streams_open();
    if (run(argc, argv, &list, &err))
        return 0;
    if (err.text[0] == '\0')
        return (int)err.kind;
    fprintf(stderr, "%.*svalise-replay: %s\n", (int)list.size,
        list.data == NULL ? "" : (const char *)list.data, err.text);
    return (int)err.kind;
}
