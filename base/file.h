/*
 * Files: one that appears whole or not at all, and one read at offsets.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/byte_buffer.h"
#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

/* --- writing -------------------------------------------------------------- */

/*
 * A file written aside. Until file_output_commit() the bytes are in
 * "<path>.<random>.partial" in the same folder; release without commit deletes
 * that. A symbolic link is followed. A path of "-" is standard output; it and
 * what is not a regular file (a device, a named pipe) are written at once.
 */
struct file_output {
    int fd;
    char *path;      /* owned; NULL for standard output */
    char *temporary; /* owned; NULL for what is written at once */
    bool waits;      /* for a reader: a pipe, a terminal, a device */
    bool is_open;
};

/*
 * Creates the temporary file with mode 0600; those that killed processes left of the same path are
 * removed (partial.h). Fails with ERROR_IO, or with ERROR_STOPPED while a named pipe has no reader.
 */
MUST_CHECK bool file_output_open(struct file_output *out, const char *path, struct error *err);

/*
 * Opens what is no regular file for writing; a named pipe once somebody reads it. Fails with
 * ERROR_IO, or ERROR_STOPPED.
 */
MUST_CHECK bool file_open_special(const char *path, int *fd, struct error *err);

/*
 * Appends size bytes. Fails with ERROR_IO (full disk, closed pipe), or ERROR_STOPPED when stopping
 * was requested and nobody reads.
 */
MUST_CHECK bool file_output_write(
    struct file_output *out, const void *bytes, size_t size, struct error *err);

/* fsync, rename to the final path, fsync the folder. Fails with ERROR_IO. */
MUST_CHECK bool file_output_commit(struct file_output *out, struct error *err);

void file_output_release(struct file_output *out);

/* A new file in $TMPDIR (or /tmp) without a name: it is gone when fd is closed. Fails with
 * ERROR_IO.
 */
MUST_CHECK bool file_temporary(int *fd, struct error *err);

/* Writes at the descriptor's position; name is for the message. Fails with ERROR_IO. */
MUST_CHECK bool file_write_all(
    int fd, const char *name, const void *bytes, size_t size, struct error *err);

/* Writes all of it to standard output. Fails as file_output_write() does. */
MUST_CHECK bool file_print(const struct byte_buffer *text, struct error *err);

/* --- reading -------------------------------------------------------------- */

/* A regular file open for reading at offsets; safe to share between threads. */
struct file_input {
    int fd;
    uint64_t size; /* bytes */
    char *path;    /* owned; how messages name the file */
    bool is_open;
};

/* True for "-" and for what is neither a file nor a folder: it may only be opened once. */
bool file_is_pipe(const char *path);

/*
 * Opens path for reading. "-" is standard input, which is first copied to an
 * unlinked file in $TMPDIR (or /tmp) when it is not a regular file itself.
 * Fails with ERROR_IO (also: a folder, a device, not readable).
 */
MUST_CHECK bool file_input_open(struct file_input *in, const char *path, struct error *err);

#define FILE_START_SIZE 128

/*
 * Whether what begins with these bytes is what is wanted. There are at least FILE_START_SIZE of
 * them, or all that there is.
 */
typedef bool file_start_check(const uint8_t *bytes, size_t size, struct error *err);

/*
 * The same, but what has to be copied is checked by its first bytes before, so that a wrong stream
 * does not fill the disk. Fails as the check does, too.
 */
MUST_CHECK bool file_input_open_checked(
    struct file_input *in, const char *path, file_start_check *check, struct error *err);

/* The same file once more, with a descriptor of its own. Fails with ERROR_IO. */
MUST_CHECK bool file_input_again(
    struct file_input *in, const struct file_input *other, struct error *err);

/* Reads exactly size bytes at offset. Fails with ERROR_IO, or ERROR_CORRUPT at the end. */
MUST_CHECK bool file_input_read_at(
    const struct file_input *in, uint64_t offset, void *out, size_t size, struct error *err);

void file_input_release(struct file_input *in);

/* Reads a whole file of at most size_max bytes, appending to out. Fails with ERROR_IO. */
MUST_CHECK bool file_read_all(
    struct byte_buffer *out, const char *path, size_t size_max, struct error *err);

#endif
