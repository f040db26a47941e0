#include "base/file.h"

#include "base/owned.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_SIZE (1u << 20) /* bytes moved at a time when standard input is copied */

static char *copy_of(const char *text)
{
    size_t size = strlen(text) + 1;

    return memcpy(byte_buffer_realloc(NULL, size), text, size);
}

/* --- writing -------------------------------------------------------------- */

bool file_output_open(struct file_output *out, const char *path, struct error *err)
{
    size_t room = strlen(path) + sizeof(".XXXXXX.partial");
    mode_t mask;

    *out = (struct file_output){.fd = -1};
    if (strcmp(path, "-") == 0) {
        out->fd = STDOUT_FILENO;
        out->is_open = true;
        return true;
    }
    out->path = copy_of(path);
    out->temporary = byte_buffer_realloc(NULL, room);
    snprintf(out->temporary, room, "%s.XXXXXX.partial", path);
    mask = umask(S_IRWXG | S_IRWXO);
    out->fd = mkostemps(out->temporary, (int)strlen(".partial"), O_CLOEXEC);
    umask(mask);
    if (out->fd < 0)
        return error_set_errno(err, "cannot create \"%s\"", path);
    out->is_open = true;
    return true;
}

static bool write_all(int fd, const char *name, const void *bytes, size_t size, struct error *err)
{
    const uint8_t *next = bytes;

    while (size > 0) {
        ssize_t done = write(fd, next, size);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return error_set_errno(err, "cannot write \"%s\"", name);
        next += done;
        size -= (size_t)done;
    }
    return true;
}

bool file_output_write(struct file_output *out, const void *bytes, size_t size, struct error *err)
{
    return write_all(out->fd, out->path == NULL ? "standard output" : out->path, bytes, size, err);
}

static bool sync_folder_of(const char *path, struct error *err)
{
    char *copy = copy_of(path);
    const char *folder = dirname(copy);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool done = fd >= 0 && fsync(fd) == 0;

    /* Some file systems cannot sync a folder; the file itself is safe by then. */
    if (!done && fd >= 0 && (errno == EINVAL || errno == EROFS))
        done = true;
    if (!done)
        error_set_errno(err, "cannot sync the folder \"%s\"", folder);
    if (fd >= 0)
        close(fd);
    free(copy);
    return done;
}

bool file_output_commit(struct file_output *out, struct error *err)
{
    if (out->path == NULL) {
        out->is_open = false;
        return true;
    }
    if (fsync(out->fd) != 0)
        return error_set_errno(err, "cannot sync \"%s\"", out->path);
    if (close(out->fd) != 0) {
        out->fd = -1;
        return error_set_errno(err, "cannot close \"%s\"", out->path);
    }
    out->fd = -1;
    if (rename(out->temporary, out->path) != 0)
        return error_set_errno(err, "cannot rename \"%s\" to \"%s\"", out->temporary, out->path);
    out->is_open = false;
    return sync_folder_of(out->path, err);
}

void file_output_release(struct file_output *out)
{
    if (out->is_open && out->temporary != NULL) {
        if (out->fd >= 0)
            close(out->fd);
        unlink(out->temporary);
    }
    free(out->path);
    free(out->temporary);
    *out = (struct file_output){.fd = -1};
}

/* --- reading -------------------------------------------------------------- */

/* Replaces in->fd, a pipe, by an unlinked file with the same bytes. */
static bool spool(struct file_input *in, struct error *err)
{
    const char *folder = getenv("TMPDIR") == NULL ? "/tmp" : getenv("TMPDIR");
    size_t room = strlen(folder) + sizeof("/valise.XXXXXX");
    char *name = byte_buffer_realloc(NULL, room);
    uint8_t *bytes = byte_buffer_realloc(NULL, COPY_SIZE);
    bool done = false;
    ssize_t got;
    int fd;

    snprintf(name, room, "%s/valise.XXXXXX", folder);
    fd = mkostemp(name, O_CLOEXEC);
    if (fd < 0) {
        error_set_errno(err, "cannot create a temporary file in \"%s\"", folder);
    } else {
        unlink(name);
        while ((got = read(in->fd, bytes, COPY_SIZE)) != 0) {
            if (got < 0 && errno == EINTR)
                continue;
            if (got < 0) {
                error_set_errno(err, "cannot read \"%s\"", in->path);
                break;
            }
            if (!write_all(fd, name, bytes, (size_t)got, err))
                break;
        }
        done = got == 0;
    }
    free(bytes);
    free(name);
    if (done)
        in->fd = fd;
    else if (fd >= 0)
        close(fd);
    return done;
}

bool file_input_open(struct file_input *in, const char *path, struct error *err)
{
    struct stat found;

    *in = (struct file_input){.fd = -1};
    if (strcmp(path, "-") == 0) {
        in->path = copy_of("standard input");
        in->fd = dup(STDIN_FILENO);
    } else {
        in->path = copy_of(path);
        in->fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    if (in->fd < 0)
        return error_set_errno(err, "cannot open \"%s\"", in->path);
    in->is_open = true;
    if (fstat(in->fd, &found) != 0)
        return error_set_errno(err, "cannot examine \"%s\"", in->path);
    if (S_ISDIR(found.st_mode))
        return error_set(err, ERROR_IO, "\"%s\" is a folder, not a file", in->path);
    if (!S_ISREG(found.st_mode)) {
        int pipe_fd = in->fd;
        bool done = spool(in, err);

        close(pipe_fd);
        if (!done) {
            in->fd = -1;
            in->is_open = false;
            return false;
        }
        if (fstat(in->fd, &found) != 0)
            return error_set_errno(err, "cannot examine the copy of \"%s\"", in->path);
    }
    in->size = (uint64_t)found.st_size;
    return true;
}

bool file_input_read_at(
    const struct file_input *in, uint64_t offset, void *out, size_t size, struct error *err)
{
    uint8_t *next = out;

    while (size > 0) {
        ssize_t got = pread(in->fd, next, size, (off_t)offset);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set_errno(err, "cannot read \"%s\"", in->path);
        if (got == 0)
            return error_set(err, ERROR_CORRUPT,
                "\"%s\" ends at byte %" PRIu64 ", %zu bytes are missing", in->path, offset, size);
        next += got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    return true;
}

void file_input_release(struct file_input *in)
{
    if (in->is_open && in->fd >= 0)
        close(in->fd);
    free(in->path);
    *in = (struct file_input){.fd = -1};
}

bool file_read_all(struct byte_buffer *out, const char *path, size_t size_max, struct error *err)
{
    OWNED(file_input) struct file_input in = {.fd = -1};

    if (!file_input_open(&in, path, err))
        return false;
    if (in.size > size_max)
        return error_set(err, ERROR_USAGE, "\"%s\" has %" PRIu64 " bytes, at most %zu are read",
            in.path, in.size, size_max);
    byte_buffer_reserve(out, (size_t)in.size);
    if (!file_input_read_at(&in, 0, out->data + out->size, (size_t)in.size, err))
        return false;
    out->size += (size_t)in.size;
    return true;
}
