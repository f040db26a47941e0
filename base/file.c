#include "base/file.h"

#include "base/owned.h"
#include "base/partial.h"
#include "base/stop.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define NO_READER_MS 100     /* between two looks whether a named pipe has a reader */
#define LAST_WAIT_MS 1000    /* for a reader, once stopping was requested */
#define COPY_SIZE (1u << 20) /* bytes moved at a time when standard input is copied */

static char *copy_of(const char *text)
{
    size_t size = strlen(text) + 1;

    return memcpy(byte_buffer_realloc(NULL, size), text, size);
}

/* --- writing -------------------------------------------------------------- */

/* A device or a named pipe is written as it is; only a file can appear whole. */
static bool is_special(const char *path)
{
    struct stat found;

    return stat(path, &found) == 0 && !S_ISREG(found.st_mode) && !S_ISDIR(found.st_mode);
}

/* The file to write, owned: path, or what the symbolic link there points to, as its owner chose
   the disk that way. NULL: err tells. */
static char *target_of(const char *path, struct error *err)
{
    struct stat found;
    char *target;

    if (lstat(path, &found) != 0 || !S_ISLNK(found.st_mode))
        return copy_of(path);
    target = realpath(path, NULL);
    if (target == NULL)
        error_set_errno(err, "cannot follow the symbolic link \"%s\"", path);
    return target;
}

static bool is_fifo(const char *path)
{
    struct stat found;

    return stat(path, &found) == 0 && S_ISFIFO(found.st_mode);
}

/* Opening a named pipe for writing fails as long as nobody reads it, and can so be stopped. */
bool file_open_special(const char *path, int *fd, struct error *err)
{
    for (;;) {
        struct pollfd stop = {.fd = stop_fd(), .events = POLLIN};

        *fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (*fd >= 0)
            return true;
        if (errno != EINTR && !(errno == ENXIO && is_fifo(path)))
            return error_set_errno(err, "cannot open \"%s\"", path);
        poll(&stop, 1, NO_READER_MS);
        if (!stop_check(err))
            return false;
    }
}

/* What is no regular file may make its writer wait. */
static bool waits(int fd)
{
    struct stat found;

    return fstat(fd, &found) == 0 && !S_ISREG(found.st_mode);
}

bool file_output_open(struct file_output *out, const char *path, struct error *err)
{
    bool done;

    *out = (struct file_output){.fd = -1};
    if (strcmp(path, "-") == 0) {
        out->fd = STDOUT_FILENO;
        out->waits = waits(out->fd);
        out->is_open = true;
        return true;
    }
    if (path[0] == '\0')
        return error_set(err, ERROR_USAGE, "the name of the file to write is empty");
    if (is_special(path)) {
        out->path = copy_of(path);
        done = file_open_special(out->path, &out->fd, err);
    } else {
        out->path = target_of(path, err);
        done = out->path != NULL && partial_create(out->path, &out->temporary, &out->fd, err);
    }
    out->waits = done && waits(out->fd);
    out->is_open = done;
    return done;
}

static const char *name_of(const struct file_output *out)
{
    return out->path == NULL ? "standard output" : out->path;
}

bool file_write_all(int fd, const char *name, const void *bytes, size_t size, struct error *err)
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

/* Waits until a few bytes can be written without waiting; after a request to stop, not for long. */
static bool await_reader(const struct file_output *out, struct error *err)
{
    struct pollfd fds[2] = {
        {.fd = out->fd, .events = POLLOUT},
        {.fd = stop_fd(), .events = POLLIN},
    };

    while (fds[0].revents == 0) {
        bool was_asked = stop_is_requested();
        int count = poll(fds, was_asked ? 1 : 2, was_asked ? LAST_WAIT_MS : -1);

        if (count == 0)
            return stop_check(err);
        if (count < 0 && errno != EINTR)
            return error_set_errno(err, "cannot wait for \"%s\"", name_of(out));
        if (count < 0)
            fds[0].revents = 0;
    }
    return true;
}

/* As much at a time as a pipe takes whole when it takes any. */
static bool write_waiting(
    struct file_output *out, const uint8_t *bytes, size_t size, struct error *err)
{
    while (size > 0) {
        ssize_t done;

        if (!await_reader(out, err))
            return false;
        done = write(out->fd, bytes, size < PIPE_BUF ? size : PIPE_BUF);
        if (done < 0 && errno != EINTR && errno != EAGAIN)
            return error_set_errno(err, "cannot write \"%s\"", name_of(out));
        if (done > 0) {
            bytes += done;
            size -= (size_t)done;
        }
    }
    return true;
}

bool file_output_write(struct file_output *out, const void *bytes, size_t size, struct error *err)
{
    return out->waits ? write_waiting(out, bytes, size, err)
                      : file_write_all(out->fd, name_of(out), bytes, size, err);
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

/* A second descriptor holds the lock until the file has its name. */
static bool publish(struct file_output *out, struct error *err)
{
    int held = fcntl(out->fd, F_DUPFD_CLOEXEC, 0);
    bool done = held >= 0;

    if (!done)
        return error_set_errno(err, "cannot keep \"%s\" locked", out->path);
    done = close(out->fd) == 0;
    out->fd = -1;
    if (!done)
        error_set_errno(err, "cannot close \"%s\"", out->path);
    else if (rename(out->temporary, out->path) != 0)
        done = error_set_errno(err, "cannot rename \"%s\" to \"%s\"", out->temporary, out->path);
    close(held);
    return done;
}

static bool close_special(struct file_output *out, struct error *err)
{
    int fd = out->fd;

    out->fd = -1;
    out->is_open = false;
    return close(fd) == 0 || error_set_errno(err, "cannot close \"%s\"", out->path);
}

bool file_output_commit(struct file_output *out, struct error *err)
{
    if (out->path == NULL) {
        out->is_open = false;
        return true;
    }
    if (out->temporary == NULL)
        return close_special(out, err);
    if (fsync(out->fd) != 0)
        return error_set_errno(err, "cannot sync \"%s\"", out->path);
    if (!publish(out, err))
        return false;
    out->is_open = false;
    return sync_folder_of(out->path, err);
}

void file_output_release(struct file_output *out)
{
    if (out->is_open && out->path != NULL && out->fd >= 0)
        close(out->fd);
    if (out->is_open && out->temporary != NULL)
        unlink(out->temporary);
    free(out->path);
    free(out->temporary);
    *out = (struct file_output){.fd = -1};
}

bool file_print(const struct byte_buffer *text, struct error *err)
{
    OWNED(file_output) struct file_output out = {0};

    return file_output_open(&out, "-", err) && file_output_write(&out, text->data, text->size, err)
           && file_output_commit(&out, err);
}

/* --- reading -------------------------------------------------------------- */

/* Reads what is there, or waits for it; stopping on request ends the wait. */
static bool read_some(
    const struct file_input *in, uint8_t *bytes, size_t room, size_t *size, struct error *err)
{
    struct pollfd fds[2] = {
        {.fd = in->fd, .events = POLLIN},
        {.fd = stop_fd(), .events = POLLIN},
    };
    ssize_t got;

    do {
        errno = EINTR;
        got = -1;
        if (poll(fds, 2, -1) > 0 && fds[0].revents != 0)
            got = read(in->fd, bytes, room);
        if (!stop_check(err))
            return false;
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return error_set_errno(err, "cannot read \"%s\"", in->path);
    *size = (size_t)got;
    return true;
}

bool file_temporary(int *fd, struct error *err)
{
    const char *said = getenv("TMPDIR");
    const char *folder = said == NULL || said[0] == '\0' ? "/tmp" : said;
    size_t room = strlen(folder) + sizeof("/valise.XXXXXX");
    char *name = byte_buffer_realloc(NULL, room);

    snprintf(name, room, "%s/valise.XXXXXX", folder);
    *fd = mkostemp(name, O_CLOEXEC);
    if (*fd < 0)
        error_set_errno(err, "cannot create a temporary file in \"%s\"", folder);
    else
        unlink(name);
    free(name);
    return *fd >= 0;
}

/* Appends what is there to bytes until these are FILE_START_SIZE, or all. */
static bool read_start(const struct file_input *in, uint8_t *bytes, size_t *size, struct error *err)
{
    size_t got = 1;

    *size = 0;
    while (*size < FILE_START_SIZE && got > 0) {
        if (!read_some(in, bytes + *size, COPY_SIZE - *size, &got, err))
            return false;
        *size += got;
    }
    return true;
}

static bool copy_rest(
    const struct file_input *in, uint8_t *bytes, size_t size, int fd, struct error *err)
{
    while (size > 0)
        if (!file_write_all(fd, "a file in $TMPDIR (or /tmp)", bytes, size, err)
            || !read_some(in, bytes, COPY_SIZE, &size, err))
            return false;
    return true;
}

/* Replaces in->fd, a pipe, by an unlinked file with the same bytes, unless it begins wrongly. */
static bool spool(struct file_input *in, file_start_check *check, struct error *err)
{
    uint8_t *bytes;
    bool done;
    size_t size;
    int fd;

    if (!file_temporary(&fd, err))
        return false;
    bytes = byte_buffer_realloc(NULL, COPY_SIZE);
    done = read_start(in, bytes, &size, err);
    if (done && check != NULL && !check(bytes, size, err))
        done = error_wrap(err, "%s", in->path);
    done = done && copy_rest(in, bytes, size, fd, err);
    free(bytes);
    if (done)
        in->fd = fd;
    else
        close(fd);
    return done;
}

bool file_is_pipe(const char *path)
{
    struct stat found;

    return strcmp(path, "-") == 0
           || (stat(path, &found) == 0 && !S_ISREG(found.st_mode) && !S_ISDIR(found.st_mode));
}

bool file_input_open(struct file_input *in, const char *path, struct error *err)
{
    return file_input_open_checked(in, path, NULL, err);
}

bool file_input_open_checked(
    struct file_input *in, const char *path, file_start_check *check, struct error *err)
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
        bool done = spool(in, check, err);

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

bool file_input_again(struct file_input *in, const struct file_input *other, struct error *err)
{
    *in = (struct file_input){.fd = fcntl(other->fd, F_DUPFD_CLOEXEC, 0), .size = other->size};
    if (in->fd < 0)
        return error_set_errno(err, "cannot open \"%s\" again", other->path);
    in->path = copy_of(other->path);
    in->is_open = true;
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
