#include "base/secret.h"

#include "base/stop.h"
#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

/* The bytes from `from` on are one line; its end goes, and a NUL ends it. */
static bool finish(struct byte_buffer *out, size_t from, const char *what, struct error *err)
{
    size_t size;

    if (out->size > from && out->data[out->size - 1] == '\n')
        out->size--;
    if (out->size > from && out->data[out->size - 1] == '\r')
        out->size--;
    size = out->size - from;
    if (size == 0)
        return error_set(err, ERROR_USAGE, "%s is empty", what);
    if (size > SECRET_SIZE_MAX)
        return error_set(err, ERROR_USAGE, "%s is longer than %d bytes", what, SECRET_SIZE_MAX);
    for (size_t i = from; i < out->size; i++) {
        if (out->data[i] == '\n' || out->data[i] == '\r')
            return error_set(err, ERROR_USAGE, "%s has several lines, expected one", what);
        if (out->data[i] == '\0')
            return error_set(err, ERROR_USAGE, "%s has a NUL character", what);
    }
    if (!utf8_is_valid(out->data + from, size))
        return error_set(err, ERROR_USAGE, "%s is not valid UTF-8", what);
    byte_buffer_put_u8(out, '\0');
    return true;
}

/* A pipe will do as well as a file. */
static bool read_whole(struct byte_buffer *out, int fd, const char *path, struct error *err)
{
    for (;;) {
        ssize_t size;

        byte_buffer_reserve(out, SECRET_SIZE_MAX + 3);
        size = read(fd, out->data + out->size, SECRET_SIZE_MAX + 3);
        if (size < 0 && errno != EINTR)
            return error_set_errno(err, "cannot read \"%s\"", path);
        if (size > 0)
            out->size += (size_t)size;
        if (size == 0 || out->size > (size_t)4 * SECRET_SIZE_MAX)
            return true;
    }
}

bool secret_read(struct byte_buffer *out, const char *path, struct error *err)
{
    bool is_standard_input = strcmp(path, "-") == 0;
    int fd = is_standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    size_t from = out->size;
    bool done;

    if (fd < 0)
        return error_set_errno(err, "cannot open \"%s\"", path);
    done = read_whole(out, fd, path, err);
    if (!is_standard_input)
        close(fd);
    return done && finish(out, from, "the password in the file", err);
}

/* Reads to the end of the line, or until somebody wants the program to stop. */
static bool read_line(struct byte_buffer *out, int terminal, struct error *err)
{
    struct pollfd waits[] = {
        {.fd = terminal, .events = POLLIN}, {.fd = stop_fd(), .events = POLLIN}};
    uint8_t byte = 0;

    while (byte != '\n' && out->size <= (size_t)SECRET_SIZE_MAX + 2) {
        if (poll(waits, 2, -1) < 0 && errno != EINTR)
            return error_set_errno(err, "cannot wait for the terminal");
        if (!stop_check(err))
            return false;
        if ((waits[0].revents & (POLLIN | POLLHUP | POLLERR)) == 0)
            continue;
        if (read(terminal, &byte, 1) != 1)
            return true;
        byte_buffer_put_u8(out, byte);
    }
    return true;
}

bool secret_ask(struct byte_buffer *out, const char *question, struct error *err)
{
    int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    size_t from = out->size;
    struct termios before;
    struct termios silent;
    bool done;

    if (terminal < 0 || tcgetattr(terminal, &before) != 0) {
        if (terminal >= 0)
            close(terminal);
        return error_set(err, ERROR_USAGE,
            "there is no terminal to ask for the password; give it in a file (--password-file)");
    }
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    silent.c_lflag |= ICANON;
    done = tcsetattr(terminal, TCSAFLUSH, &silent) == 0
           && write(terminal, question, strlen(question)) >= 0;
    done = done ? read_line(out, terminal, err) : error_set_errno(err, "cannot use the terminal");
    if (tcsetattr(terminal, TCSAFLUSH, &before) != 0 || write(terminal, "\n", 1) != 1)
        done = done && error_set_errno(err, "cannot use the terminal");
    close(terminal);
    return done && finish(out, from, "the password", err);
}
