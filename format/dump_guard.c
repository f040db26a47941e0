#include "format/dump_guard.h"

#include "format/header.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool dump_guard_check(const char *path, struct error *err)
{
    uint8_t found[FORMAT_MAGIC_SIZE];
    struct stat status;
    ssize_t size;
    int fd;

    /* Not a pipe, which would wait. What cannot be opened is for who writes it to tell. */
    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode))
        return true;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return true;
    size = pread(fd, found, sizeof(found), FORMAT_MAGIC_OFFSET);
    close(fd);
    return size != (ssize_t)sizeof(found) || memcmp(found, header_magic, sizeof(found)) != 0
           || error_set(err, ERROR_USAGE,
               "\"%s\" is a dump, which would be overwritten; take another name", path);
}
