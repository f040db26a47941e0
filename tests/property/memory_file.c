#include "tests/property/memory_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void demand(int is_done, const char *what)
{
    if (!is_done) {
        perror(what);
        exit(1);
    }
}

void memory_file_open(struct memory_file *file)
{
    file->fd = memfd_create("valise-test", MFD_CLOEXEC);
    demand(file->fd >= 0, "memfd_create");
    snprintf(file->path, sizeof(file->path), "/proc/self/fd/%d", file->fd);
}

void memory_file_set(const struct memory_file *file, const uint8_t *bytes, size_t size)
{
    demand(ftruncate(file->fd, 0) == 0, "ftruncate");
    demand(pwrite(file->fd, bytes, size, 0) == (ssize_t)size, "pwrite");
}

void memory_file_release(struct memory_file *file)
{
    if (file->path[0] != '\0')
        close(file->fd);
    *file = (struct memory_file){0};
}
