#include "dump/scratch.h"

#include "base/byte_buffer.h"
#include "base/owned.h"
#include "base/stop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_SIZE ((size_t)1 << 20) /* bytes at a time */

/* An open descriptor; -1 is none. */
struct descriptor {
    int fd;
};

static void descriptor_release(struct descriptor *d)
{
    if (d->fd >= 0)
        close(d->fd);
    d->fd = -1;
}

static char *join(const char *first, const char *second)
{
    size_t room = strlen(first) + strlen(second) + 1;
    char *joined = byte_buffer_realloc(NULL, room);

    snprintf(joined, room, "%s%s", first, second);
    return joined;
}

void scratch_release(struct scratch *scratch)
{
    static const char *const suffixes[] = {"", "-journal", "-wal", "-shm"};

    for (size_t i = 0; scratch->database != NULL && i < sizeof(suffixes) / sizeof(*suffixes); i++) {
        char *path = join(scratch->database, suffixes[i]);

        unlink(path);
        free(path);
    }
    if (scratch->folder != NULL)
        rmdir(scratch->folder);
    free(scratch->folder);
    free(scratch->database);
    *scratch = (struct scratch){0};
}

bool scratch_create(struct scratch *scratch, struct error *err)
{
    const char *parent = getenv("TMPDIR");
    char *folder;

    if (parent == NULL || parent[0] == '\0')
        parent = "/tmp";
    folder = join(parent, "/valise.XXXXXX");
    if (mkdtemp(folder) == NULL) {
        error_set_errno(err, "cannot create a folder in \"%s\" for a copy of the database", parent);
        free(folder);
        return false;
    }
    scratch->folder = folder;
    scratch->database = join(folder, "/copy.db");
    return true;
}

static bool write_all(int fd, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t done = write(fd, bytes, size);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return false;
        bytes += done;
        size -= (size_t)done;
    }
    return true;
}

static bool copy_bytes(int from, int to, const char *path, const char *folder, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer bytes = {0};

    byte_buffer_reserve(&bytes, COPY_SIZE);
    for (;;) {
        ssize_t got = read(from, bytes.data, COPY_SIZE);

        if (!stop_check(err))
            return false;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set_errno(err, "cannot read \"%s\"", path);
        if (got == 0)
            return true;
        if (!write_all(to, bytes.data, (size_t)got))
            return error_set_errno(err,
                "cannot copy \"%s\" to \"%s\" (set TMPDIR to a folder with more room)", path,
                folder);
    }
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec
           && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

bool scratch_copy(struct scratch *scratch, const char *path, const char *suffix, struct error *err)
{
    OWNED(descriptor) struct descriptor from = {.fd = open(path, O_RDONLY | O_CLOEXEC)};
    OWNED(descriptor) struct descriptor to = {.fd = -1};
    char *copy = join(scratch->database, suffix);
    struct stat before;
    struct stat after;

    to.fd = open(copy, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    free(copy);
    if (from.fd < 0 || fstat(from.fd, &before) != 0)
        return error_set_errno(err, "cannot open \"%s\"", path);
    if (to.fd < 0)
        return error_set_errno(err, "cannot create a file in \"%s\"", scratch->folder);
    if (!copy_bytes(from.fd, to.fd, path, scratch->folder, err))
        return false;
    if (fstat(from.fd, &after) != 0)
        return error_set_errno(err, "cannot examine \"%s\"", path);
    if (!is_same(&before, &after))
        return error_set(err, ERROR_IO,
            "\"%s\" was changed while it was copied; stop the program that writes it", path);
    return true;
}
