#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

bool error_set(struct error *err, enum error_kind kind, const char *fmt, ...)
{
    va_list args;

    err->kind = kind;
    va_start(args, fmt);
    vsnprintf(err->text, sizeof(err->text), fmt, args);
    va_end(args);
    return false;
}

bool error_wrap(struct error *err, const char *fmt, ...)
{
    char inner[ERROR_TEXT_SIZE];
    va_list args;
    size_t used;

    memcpy(inner, err->text, sizeof(inner));
    va_start(args, fmt);
    vsnprintf(err->text, sizeof(err->text), fmt, args);
    va_end(args);
    used = strlen(err->text);
    snprintf(err->text + used, sizeof(err->text) - used, ": %s", inner);
    return false;
}

/* What to do about it, where its name does not say that. */
static void put_advice(char *text, size_t room, int number)
{
    struct rlimit limit = {0};

    if (number == EMFILE && getrlimit(RLIMIT_NOFILE, &limit) == 0)
        snprintf(text, room, "; this process may have %ju, raise the limit (\"ulimit -n 1024\")",
            (uintmax_t)limit.rlim_cur);
    else if (number == ENFILE)
        snprintf(text, room,
            "; no process of this system gets more, until others close theirs or "
            "the sysctl fs.file-max is raised");
}

bool error_set_errno(struct error *err, const char *fmt, ...)
{
    int number = errno;
    char reason[128];
    va_list args;
    size_t used;

    err->kind = ERROR_IO;
    va_start(args, fmt);
    vsnprintf(err->text, sizeof(err->text), fmt, args);
    va_end(args);
    used = strlen(err->text);
    snprintf(err->text + used, sizeof(err->text) - used, ": %s",
        strerror_r(number, reason, sizeof(reason)));
    used = strlen(err->text);
    put_advice(err->text + used, sizeof(err->text) - used, number);
    return false;
}
