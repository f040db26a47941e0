#include "watch/watch_options.h"

#include "watch/show_json.h"
#include "watch/show_line.h"
#include "watch/show_screen.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SAMPLE_SECONDS 0.2

static const char *const modes[] = {"auto", "bar", "plain", "json", "none", NULL};

void watch_options_describe(
    struct command_line_option table[WATCH_OPTIONS_COUNT], struct watch_options *options)
{
    table[0] = (struct command_line_option){.name = "progress",
        .choice = &options->mode,
        .choices = modes,
        .help = "on standard error: auto (default): a bar on a terminal, else nothing; bar; plain: "
                "a line every few seconds; json: one object a line (docs/progress.md); none"};
    table[1] = (struct command_line_option){.name = "progress-file",
        .value_name = "FILE",
        .text = &options->file,
        .help = "write the progress as JSON there too; /dev/fd/N is an open descriptor"};
    table[2] = (struct command_line_option){.name = "curses",
        .flag = &options->is_curses,
        .help = "show tables, phases and connections on a screen of its own"};
}

static bool is_terminal(void)
{
    const char *name = getenv("TERM");

    return isatty(STDERR_FILENO) == 1 && name != NULL && strcmp(name, "dumb") != 0;
}

/* What is there may be gone: nothing, a device, or progress of before, but never a dump. */
static bool may_overwrite(int fd)
{
    static const char first[] = SHOW_JSON_BEGINNING;
    char found[sizeof(first) - 1];
    struct stat status;

    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size == 0)
        return true;
    return pread(fd, found, sizeof(found), 0) == (ssize_t)sizeof(found)
           && memcmp(found, first, sizeof(found)) == 0;
}

/* Opened without O_TRUNC, and for reading where that can be: a pipe would wait for nobody then. */
static bool open_file(const char *path, int *fd, struct error *err)
{
    struct stat status;
    bool is_regular = stat(path, &status) == 0 && S_ISREG(status.st_mode);

    *fd = open(path, (is_regular ? O_RDWR : O_WRONLY) | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (*fd < 0)
        return error_set_errno(err, "--progress-file: cannot write \"%s\"", path);
    if (!may_overwrite(*fd)) {
        close(*fd);
        return error_set(err, ERROR_USAGE,
            "--progress-file: \"%s\" exists and holds no progress; take another name, or remove it",
            path);
    }
    if (is_regular && ftruncate(*fd, 0) != 0) {
        error_set_errno(err, "--progress-file: cannot empty \"%s\"", path);
        close(*fd);
        return false;
    }
    return true;
}

static bool attach_file(
    const struct watch_options *options, struct progress *progress, struct error *err)
{
    struct progress_show show;
    int fd;

    if (options->file == NULL)
        return true;
    if (!open_file(options->file, &fd, err))
        return false;
    show = show_json(fd, true);
    progress_attach(progress, &show);
    return true;
}

/* Whoever makes a view samples. */
static void ignore(void *context, const struct progress_view *view)
{
    (void)context;
    (void)view;
}

static bool attach_main(
    const struct watch_options *options, struct progress *progress, struct error *err)
{
    struct progress_show show = {0};

    if (options->is_curses && options->mode == WATCH_JSON)
        return error_set(err, ERROR_USAGE,
            "--curses and --progress=json exclude each other; --progress-file goes with both");
    if (options->is_curses) {
        if (!show_screen(&show, err))
            return false;
    } else if (options->mode == WATCH_JSON) {
        show = show_json(STDERR_FILENO, false);
    } else if (options->mode == WATCH_BAR || (options->mode == WATCH_AUTO && is_terminal())) {
        show = show_line_bar();
    } else if (options->mode == WATCH_PLAIN) {
        show = show_line_plain();
    }
    if (show.tick == NULL && options->is_sampled)
        show = (struct progress_show){.interval = SAMPLE_SECONDS, .tick = ignore, .close = ignore};
    if (show.tick != NULL)
        progress_attach(progress, &show);
    return true;
}

bool watch_options_start(
    const struct watch_options *options, struct progress *progress, struct error *err)
{
    struct error failure;

    if (attach_main(options, progress, err) && attach_file(options, progress, err))
        return progress_start(progress, err);
    /* What is attached tells why there is no more. */
    if (progress->show_count > 0 && !progress_start(progress, &failure))
        progress->show_count = 0;
    return false;
}

bool watch_options_is_text(const struct watch_options *options)
{
    return options->mode != WATCH_JSON;
}

void watch_options_finish(const struct watch_options *options, struct progress *progress,
    const char *outcome, struct error *failure)
{
    progress_finish(progress, outcome, failure);
    if (failure != NULL && !watch_options_is_text(options) && progress->show_count > 0)
        failure->text[0] = '\0';
}
